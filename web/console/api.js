// The one client of this page, and what every tab needs of it.
import { signal } from '@preact/signals';
import { Client } from '/sdk.js';

export const client = new Client();

/** The account: `undefined` until it is known, `null` for nobody. */
export const me = signal(undefined);

client.on('user', (user) => {
  me.value = user;
});

/** Reads below /console, with what is empty left out of the query. */
export const read = (path, query = {}, signal) => client.rest('GET', `/console${path}`, { query: given(query), signal });

export const write = (path, body = {}) => client.rest('POST', `/console${path}`, { body });

const given = (query) => Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== ''));

/** Waits, unless it is given up before. */
export const pause = (ms, aborted) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    aborted?.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
