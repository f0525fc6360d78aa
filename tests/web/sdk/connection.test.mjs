import assert from 'node:assert/strict';
import { test } from 'node:test';

import { settle } from './fake.mjs';
import { ROOM, online, world } from './world.mjs';
import { VoxlogError, connect } from '../../../web/sdk.js';

test('the session and its signals are resumed, and no signal is handed on twice', async () => {
  const { network, client, seen, time } = await online();
  const session = client.session;
  network.socket.tell({ op: 'signal', seq: 1, room: ROOM, data: 'a' });
  network.socket.tell({ op: 'signal', seq: 2, room: ROOM, data: 'b' });
  await settle();
  network.socket.cut();
  await time.pass(1000);
  assert.deepEqual(network.ops('hello')[1].resume, { session, signals: 2 });
  assert.equal(client.session, session);
  network.socket.tell({ op: 'signal', seq: 2, room: ROOM, data: 'b' });
  network.socket.tell({ op: 'signal', seq: 3, room: ROOM, data: 'c' });
  await settle();
  assert.deepEqual(
    seen.signal.map(({ data }) => data),
    ['a', 'b', 'c'],
  );
  network.sessions.clear();
  network.socket.cut();
  await time.pass(2000);
  assert.notEqual(client.session, session);
  network.socket.tell({ op: 'signal', seq: 1, room: ROOM, data: 'new' });
  await settle();
  assert.deepEqual(
    seen.signal.map(({ data }) => data),
    ['a', 'b', 'c', 'new'],
  );
});

test('the next gateway is tried when one is gone, after a wait of chance that doubles', async () => {
  const { network, client, time } = world({ gateways: ['http://one', 'https://two/'], random: 0.999 });
  network.down = new Set(['one', 'two']);
  client.connect();
  const waits = [];
  for (let attempt = 1; attempt <= 8; attempt += 1) {
    await settle();
    assert.equal(client.status.attempt, attempt);
    waits.push(client.status.retryAt - time.now);
    await time.pass(client.status.retryAt - time.now);
  }
  assert.deepEqual(waits, [500, 999, 1998, 3996, 7992, 15984, 19980, 19980]);
  assert.deepEqual(
    network.sockets.slice(0, 3).map(({ url }) => url),
    ['ws://one/ws', 'wss://two/ws', 'ws://one/ws'],
  );
  network.down.clear();
  await time.pass(20_000);
  assert.equal(client.status.state, 'online');
});

test('nobody comes back before the gateway that closed wants it', async () => {
  const { network, client, time } = await online({ random: 0 });
  network.socket.tell({ op: 'closing', code: 4000, reconnectAfterMs: 3000 });
  await settle();
  network.socket.cut(4000);
  await time.pass(2990);
  assert.equal(network.sockets.length, 1);
  await time.pass(20);
  assert.equal(client.status.state, 'online');
});

test('a close that says never again ends it, with its reason', async () => {
  for (const [code, reason] of [
    [4504, 'revoked'],
    [4505, 'resumed_elsewhere'],
    [4502, 'too_large'],
  ]) {
    const { network, client, time } = await online();
    network.socket.cut(code);
    await time.pass(60_000);
    assert.deepEqual([client.status.state, client.status.reason, network.sockets.length], ['ended', reason, 1]);
    await assert.rejects(client.command('ping'), (error) => error instanceof VoxlogError && error.code === 'offline');
  }
});

test('one that a gateway has no room for waits for its last word', async () => {
  const { network, client, time } = world();
  network.intercept = (frame, socket) => {
    setTimeout(() => socket.cut(4503), 20);
    return { op: 'error', code: 'rate_limited', detail: 'you have too many sockets open' };
  };
  client.connect();
  await settle();
  await new Promise((resolve) => {
    setTimeout(resolve, 40);
  });
  await time.pass(60_000);
  assert.deepEqual(
    [client.status.state, client.status.reason, network.sockets.length],
    ['ended', 'too_many_sockets', 1],
  );
});

test('the token is renewed when the gateway asks, when it has expired, and once when it is refused', async () => {
  let current = 1;
  const token = async ({ renew }) => `token-${renew ? (current += 1) : current}`;
  const { network, client, time } = await online({ token });
  network.socket.tell({ op: 'token', expiresInMs: 60_000 });
  await settle();
  assert.deepEqual(
    network.ops('hello').map((frame) => frame.token),
    ['token-1', 'token-2'],
  );
  assert.equal(network.ops('hello')[1].resume, undefined);
  network.socket.cut(4001);
  await time.pass(1000);
  assert.equal(network.ops('hello')[2].token, 'token-3');
  network.refused.add('token-3');
  network.socket.cut();
  await time.pass(2000);
  assert.deepEqual(
    network
      .ops('hello')
      .slice(3)
      .map((frame) => frame.token),
    ['token-3', 'token-4'],
  );
  assert.equal(client.status.state, 'online');
  network.refused = { has: () => true };
  network.socket.cut();
  await time.pass(5000);
  assert.deepEqual([client.status.state, client.status.reason], ['ended', 'unauthenticated']);
});

test('a gateway that has gone without a word is noticed and left', async () => {
  const { network, client, time } = await online();
  await time.pass(30_000);
  assert.equal(network.sockets.length, 1, 'one that answers is not left');
  assert.equal(client.status.rttMs, 0);
  network.intercept = () => ({ op: 'nothing' });
  await time.pass(10_100);
  network.intercept = () => undefined;
  await time.pass(1000);
  assert.equal(network.sockets.length, 2);
  assert.equal(client.status.state, 'online');
});

test('a device that says it has a network again does not wait out its time', async () => {
  const { network, client, time, hints } = await online({ random: 0.99 });
  network.down.add('one');
  network.socket.cut();
  await time.pass(4000);
  const tries = network.sockets.length;
  network.down.clear();
  assert.equal(client.status.state, 'offline');
  hints.online();
  await settle();
  assert.deepEqual([client.status.state, network.sockets.length], ['online', tries + 1]);
});

test('connect is the short way for those who bring their own token', async () => {
  const { platform, network } = world();
  const client = connect({ base: 'http://one', token: async () => 'mine', storage: null, platform, presence: 'dnd' });
  await settle();
  assert.deepEqual([network.ops('hello')[0].token, network.ops('hello')[0].presence], ['mine', 'dnd']);
  client.close();
  assert.equal(client.status.state, 'offline');
});
