import path from 'node:path';

import { uuidv7 } from '../../../web/sdk/ids.js';
import { until } from './until.mjs';

/** The gateways' origins. */
export const gateways = (process.env.VOXLOG_GATEWAYS ?? '').split(',');

/** Ends a gateway without a word, as a power cut would. */
export const kill = (index) => process.kill(Number(process.env.VOXLOG_GATEWAY_PIDS.split(',')[index]), 'SIGKILL');

/** A file of this test alone. */
export const scratch = (name) => path.join(process.env.VOXLOG_SCRATCH, name);

export const PASSWORD = 'correct horse';

/** Somebody with an account, acting over REST. */
export class Somebody {
  static async register(name, gateway = gateways[0]) {
    const one = new Somebody();
    const email = `${name}@example.org`;
    one.#gateway = gateway;
    const form = { username: name, email, password: PASSWORD, confirmPassword: PASSWORD };
    const grant = await one.rest('POST', '/auth/register', form);
    return Object.assign(one, { name, email, id: grant.user.id, token: grant.token });
  }

  /** Somebody whom the demo has made. */
  static async signIn({ name, email, password }, gateway) {
    const one = new Somebody();
    one.#gateway = gateway;
    const { user, token } = await one.rest('POST', '/auth/login', { email, password });
    return Object.assign(one, { name, email, password, id: user.id, token });
  }

  #gateway;

  async rest(method, where, body) {
    const headers = {
      'content-type': 'application/json',
      ...(this.token && { authorization: `Bearer ${this.token}` }),
    };
    const response = await fetch(`${this.#gateway}/api/v1${where}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${where}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  /** Opens a room. @returns {Promise<{id: string, code: string}>} */
  async room(name, settings = { isPublic: true }) {
    return this.rest('POST', '/rooms', { name, settings });
  }

  say(roomId, content) {
    return this.rest('POST', '/messages', { roomId, content, messageId: uuidv7() });
  }
}

/** The world of `voxlog up`, with its demo, once the read models have all of it. */
export async function demo() {
  const origin = process.env.VOXLOG_UP;
  const told = await (await fetch(`${origin}/demo.json`)).json();
  const people = await Promise.all(told.people.map((one) => Somebody.signIn(one, origin)));
  const rooms = await until('the demo is there', async () => {
    const { data } = await people[0].rest('GET', '/users/me/rooms');
    return data.length >= 3 && new Map(data.map(({ name, id }) => [name, id]));
  });
  return { origin, people, rooms };
}
