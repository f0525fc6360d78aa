import assert from 'node:assert/strict';
import { test } from 'node:test';

import { settle } from './fake.mjs';
import { ROOM, contents, online, world } from './world.mjs';
import { uuidv7 } from '../../../web/sdk.js';

test('ids are UUIDs of version 7 that never go back in time', () => {
  const ids = Array.from({ length: 5000 }, () => uuidv7());
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const times = ids.map((id) => id.slice(0, 13));
  assert.deepEqual(times, times.toSorted?.() ?? [...times].sort());
  assert.equal(new Set(times).size, times.length);
});

test('what was said without a connection is sent with the next one, once and in order', async () => {
  const { network, client, seen, time } = await online();
  network.socket.cut();
  await settle();
  for (const content of ['one', 'two', 'three']) client.send({ room: ROOM, content });
  assert.deepEqual(
    client.outbox(ROOM).map(({ state }) => state),
    ['pending', 'pending', 'pending'],
  );
  await time.pass(1000);
  assert.deepEqual(contents(network.log.room(ROOM).msg), ['one', 'two', 'three']);
  assert.deepEqual(client.outbox(), []);
  assert.deepEqual(contents(seen.event), ['one', 'two', 'three']);
});

test('a message whose answer was lost is sent again under its name, and stands in the log once', async () => {
  const { network, client, seen, time } = await online();
  network.intercept = (frame, socket) => {
    if (frame.op !== 'message.send') return undefined;
    network.log.append(ROOM, 'msg', 'message.posted', { messageId: frame.messageId, content: frame.content });
    network.intercept = () => undefined;
    socket.cut();
    return { op: 'nothing' };
  };
  const { messageId } = client.send({ room: ROOM, content: 'only once' });
  await time.pass(1000);
  assert.deepEqual(
    network.ops('message.send').map((frame) => frame.messageId),
    [messageId, messageId],
  );
  assert.deepEqual(contents(seen.event), ['only once']);
  assert.deepEqual(seen.outbox.map(({ state }) => state).at(-1), 'confirmed');
  assert.deepEqual(client.outbox(), []);
});

test('of a room one message is under way at a time, so that a second can never overtake it', async () => {
  const { network, client } = await online();
  network.intercept = (frame) => (frame.op === 'message.send' ? { op: 'nothing' } : undefined);
  for (const room of [ROOM, ROOM, 'other']) client.send({ room, content: 'x' });
  await settle();
  assert.deepEqual(
    network.ops('message.send').map(({ room }) => room),
    [ROOM, 'other'],
  );
});

test('a refused message stands aside with its reason, the next goes on, and it can be sent again', async () => {
  const { network, client, seen } = await online();
  network.intercept = (frame) =>
    frame.op === 'message.send' && frame.content === 'bad'
      ? { op: 'error', code: 'muted', detail: 'you are muted' }
      : undefined;
  const { messageId } = client.send({ room: ROOM, content: 'bad' });
  client.send({ room: ROOM, content: 'good' });
  await settle();
  assert.deepEqual(contents(seen.event), ['good']);
  const [entry] = client.outbox(ROOM);
  assert.deepEqual([entry.messageId, entry.state, entry.error.code], [messageId, 'failed', 'muted']);
  network.intercept = () => undefined;
  client.retry(messageId);
  await settle();
  assert.deepEqual(contents(seen.event), ['good', 'bad']);
  assert.deepEqual(client.outbox(), []);
});

test('a message that comes too fast waits as long as the gateway says, and holds its room up alone', async () => {
  const { network, client, time } = await online();
  client.subscribe('other');
  await settle();
  network.intercept = (frame) =>
    frame.op === 'message.send' && frame.room === ROOM && time.now < 1_003_000
      ? { op: 'error', code: 'slow_mode', detail: 'slow', retryAfterMs: 3000 }
      : undefined;
  client.send({ room: ROOM, content: 'first' });
  client.send({ room: ROOM, content: 'second' });
  client.send({ room: 'other', content: 'elsewhere' });
  await settle();
  assert.deepEqual(contents(network.log.room('other').msg), ['elsewhere']);
  assert.equal(client.outbox(ROOM)[0].error.code, 'slow_mode');
  await time.pass(2900);
  assert.deepEqual(contents(network.log.room(ROOM).msg), []);
  await time.pass(200);
  assert.deepEqual(contents(network.log.room(ROOM).msg), ['first', 'second']);
});

test('the outbox survives a reload under the same names', async () => {
  const kept = new Map();
  const storage = {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
  const before = world({ storage });
  const { messageId } = before.client.send({ room: ROOM, content: 'later' });
  const after = await online({ storage });
  assert.deepEqual(
    after.network.log.room(ROOM).msg.map(({ event }) => event.data.messageId),
    [messageId],
  );
  assert.equal(kept.size, 0);
});
