// What people and rooms are called. Looked up once each, a few at a time; until then an id stands for itself.
import { signal } from '@preact/signals';
import { client } from './api.js';

const AT_ONCE = 4;
const known = new Map();
const queue = [];
let busy = 0;

/** A signal of what a user is called; its value is `undefined` until that is known. */
export function nameOf(user) {
  let name = known.get(user);
  if (!name) {
    name = signal(undefined);
    known.set(user, name);
    queue.push(user);
    work();
  }
  return name;
}

async function work() {
  if (busy >= AT_ONCE || !queue.length) return;
  busy += 1;
  const user = queue.shift();
  try {
    const { username, displayName } = await client.rest('GET', `/users/${user}`);
    known.get(user).value = displayName ?? username;
  } catch {
    // Somebody without a profile keeps their id.
  }
  busy -= 1;
  work();
}
