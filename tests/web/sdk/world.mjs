// A client before gateways in memory, and what it has told.
import assert from 'node:assert/strict';

import { Network, Time, settle } from './fake.mjs';
import { Client } from '../../../web/sdk.js';

export const ROOM = 'lobby';

export function world({ random = 0.5, ...options } = {}) {
  const time = new Time();
  const network = new Network(time);
  const hints = {};
  const platform = {
    WebSocket: network.WebSocket,
    fetch: async () => {
      throw new TypeError('no network');
    },
    now: () => time.now,
    after: time.after,
    cancel: time.cancel,
    random: () => random,
    when: (name, listener) => {
      hints[name] = listener;
      return () => {
        delete hints[name];
      };
    },
  };
  const client = new Client({ base: 'http://one', token: async () => 'token', storage: null, platform, ...options });
  const seen = {
    event: [],
    status: [],
    lost: [],
    outbox: [],
    subscribed: [],
    call: [],
    signal: [],
    'caught-up': [],
    gone: [],
  };
  for (const name of Object.keys(seen)) client.on(name, (value) => seen[name].push(value));
  return { time, network, client, seen, hints, platform };
}

export async function online(options) {
  const here = world(options);
  here.client.connect();
  here.client.subscribe(ROOM);
  await settle();
  assert.equal(here.client.status.state, 'online');
  return here;
}

export const contents = (events) => events.map(({ event }) => event.data.content);
export const numbers = (count, from = 0) => Array.from({ length: count }, (_, index) => `m${index + from}`);
