import assert from 'node:assert/strict';
import { test } from 'node:test';

import { settle } from './fake.mjs';
import { ROOM, contents, numbers, online, world } from './world.mjs';

test('every event is handed on once, in order, however often it comes', async () => {
  const { network, seen } = await online();
  const first = network.say(ROOM, 'a');
  network.say(ROOM, 'b');
  network.deliver(ROOM, 'msg', first);
  await settle();
  assert.deepEqual(contents(seen.event), ['a', 'b']);
  assert.deepEqual(
    seen.event.map((event) => event.recovered),
    [false, false],
  );
});

test('the last seq is known before the first event, from what a room begins with', async () => {
  const { network, client, seen, time } = world();
  for (const content of numbers(7)) network.say(ROOM, content);
  client.connect();
  client.subscribe(ROOM);
  await time.pass(1000);
  assert.deepEqual([seen.event.length, client.status.lastSeq, seen.status.at(-1).lastSeq], [0, 7, 7]);
});

test('a gap is fetched from the log before what comes after it, page by page', async () => {
  const { network, seen, client } = await online();
  for (const content of numbers(450))
    network.log.append(ROOM, 'msg', 'message.posted', { messageId: content, content });
  network.say(ROOM, 'last');
  network.say(ROOM, 'very last');
  await settle();
  assert.deepEqual(contents(seen.event), [...numbers(450), 'last', 'very last']);
  assert.equal(network.ops('history').length, 3);
  assert.equal(client.status.recovered, 450);
  assert.equal(client.status.lastSeq, 452);
});

test('heads prove that the end of a chain is missing, and it is fetched', async () => {
  const { network, seen } = await online();
  network.log.append(ROOM, 'msg', 'message.posted', { messageId: 'x', content: 'unsent' });
  network.socket.tell({
    op: 'heads',
    rooms: { [ROOM]: network.log.heads(ROOM), elsewhere: { ctl: 1, msg: 1, call: 1 } },
  });
  await settle();
  assert.deepEqual(contents(seen.event), ['unsent']);
  assert.equal(seen.event[0].recovered, true);
});

test('what the log does not keep any more is told as gone, and the room goes on', async () => {
  const { network, seen } = await online();
  const { msg } = network.log.room(ROOM);
  for (const content of numbers(3)) network.log.append(ROOM, 'msg', 'message.posted', { messageId: content, content });
  msg.splice(0, 3);
  const entry = {
    seq: ++network.log.seq,
    prev: 3,
    event: { type: 'voxlog.message.posted.v1', data: { content: 'after' } },
  };
  network.deliver(ROOM, 'msg', entry);
  await settle();
  assert.deepEqual(contents(seen.event), ['after']);
  assert.deepEqual(seen.gone, [{ room: ROOM, class: 'msg', after: 0, upTo: 3 }]);
});

test('a reconnect brings everything that was missed, says how much, and nothing twice', async () => {
  const { network, client, seen, time } = await online();
  network.say(ROOM, 'before');
  await settle();
  network.socket.cut();
  await settle();
  assert.equal(client.status.state, 'offline');
  for (const content of numbers(12)) network.say(ROOM, content);
  await time.pass(1000);
  assert.deepEqual(contents(seen.event), ['before', ...numbers(12)]);
  assert.equal(seen.event.filter((event) => event.recovered).length, 12);
  const { state, recovered } = client.status;
  assert.deepEqual({ state, recovered }, { state: 'online', recovered: 12 });
  assert.deepEqual(network.ops('subscribe')[1].cursor, { ctl: 0, msg: 1, call: 0 });
  assert.equal(network.sockets.length, 2);
  network.socket.cut();
  await time.pass(2000);
  assert.equal(client.status.recovered, 0, 'a reconnect that missed nothing says so');
});

test('a room that is refused is told as lost and not asked for again; one that is away is', async () => {
  const { network, client, seen, time } = await online();
  let away = true;
  network.intercept = (frame) => {
    if (frame.op === 'subscribe' && frame.room === 'secret') return { op: 'error', code: 'not_a_member', detail: 'no' };
    if (frame.op === 'subscribe' && frame.room === 'away' && away)
      return { op: 'error', code: 'unavailable', detail: 'away' };
    return undefined;
  };
  client.subscribe('secret');
  client.subscribe('away');
  await settle();
  assert.deepEqual(
    seen.lost.map(({ room, error }) => [room, error.code]),
    [['secret', 'not_a_member']],
  );
  assert.equal(client.status.state, 'catching-up');
  away = false;
  await time.pass(1000);
  assert.equal(client.status.state, 'online');
  network.socket.tell({ op: 'error', room: 'away', code: 'not_a_member', detail: 'kicked' });
  await settle();
  assert.deepEqual(
    seen.lost.map(({ room }) => room),
    ['secret', 'away'],
  );
  network.socket.cut();
  await time.pass(1000);
  assert.deepEqual(network.ops('subscribe').filter(({ room }) => room === 'secret').length, 1);
});

test('a subscription that ended for a conflict begins again where it was', async () => {
  const { network, seen, time } = await online();
  network.say(ROOM, 'a');
  await settle();
  network.socket.subscribed.clear();
  network.socket.tell({ op: 'error', room: ROOM, code: 'conflict', detail: 'expired' });
  network.say(ROOM, 'b');
  await time.pass(2000);
  assert.deepEqual(contents(seen.event), ['a', 'b']);
  assert.equal(seen.lost.length, 0);
});

test('a room that could not be recovered begins anew from its heads', async () => {
  const { network, seen, client, time } = await online();
  network.say(ROOM, 'a');
  await settle();
  network.socket.cut();
  network.say(ROOM, 'missed');
  network.intercept = (frame) =>
    frame.op === 'subscribe'
      ? {
          op: 'subscribed',
          room: ROOM,
          recovered: false,
          reason: 'cursor_ahead',
          heads: network.log.heads(ROOM),
          state: {},
        }
      : undefined;
  await time.pass(1000);
  assert.equal(seen.subscribed.at(-1).reason, 'cursor_ahead');
  assert.deepEqual([client.room(ROOM).cursor.msg, client.status.lastSeq], [2, 2]);
  assert.equal(client.status.state, 'online');
});

test('what was erased before it could be sent holds nobody up', async () => {
  const { network, client, time } = await online();
  network.socket.cut();
  network.say(ROOM, 'soon erased');
  network.intercept = (frame) => {
    if (frame.op !== 'subscribe') return undefined;
    const heads = network.log.heads(ROOM);
    network.log.room(ROOM).msg.length = 0;
    return { op: 'subscribed', room: ROOM, recovered: true, heads, state: {} };
  };
  await time.pass(1000);
  assert.equal(client.status.state, 'catching-up');
  network.socket.tell({ op: 'heads', rooms: { [ROOM]: { ctl: 0, msg: 0, call: 0 } } });
  await settle();
  assert.deepEqual([client.status.state, client.status.recovered], ['online', 0]);
});

test('who is there, types and speaks is known of a room', async () => {
  const { network, client } = world();
  network.log.room(ROOM).state = {
    presence: [
      { userId: 'ada', status: 'online' },
      { userId: 'bob', status: 'away' },
    ],
    typing: ['bob'],
    speaking: [],
    call: null,
  };
  client.connect();
  const room = client.subscribe(ROOM);
  await settle();
  assert.deepEqual([[...room.presence.keys()], room.typing], [['ada', 'bob'], ['bob']]);
  network.socket.tell({
    op: 'presence',
    room: ROOM,
    members: [
      { userId: 'bob', status: 'offline' },
      { userId: 'eve', status: 'dnd' },
    ],
  });
  network.socket.tell({ op: 'typing', room: ROOM, users: [] });
  network.socket.tell({ op: 'speaking', room: ROOM, sessions: ['s1'] });
  await settle();
  assert.deepEqual([[...room.presence.keys()], room.typing, [...room.speaking]], [['ada', 'eve'], [], ['s1']]);
  network.socket.tell({ op: 'presence', room: ROOM, full: true, members: [{ userId: 'bob', status: 'online' }] });
  await settle();
  assert.deepEqual([...room.presence.keys()], ['bob']);
});

test('typing goes out now and then, and stops once', async () => {
  const { network, client, time } = await online();
  for (let keys = 0; keys < 30; keys += 1) {
    client.typing(ROOM);
    await time.pass(100);
  }
  client.stopTyping(ROOM);
  client.stopTyping(ROOM);
  await settle();
  assert.deepEqual([network.ops('typing.start').length, network.ops('typing.stop').length], [2, 1]);
});

test('how far one has read is told now and then, the last of it always', async () => {
  const { network, client, time } = await online();
  for (let seq = 1; seq <= 20; seq += 1) {
    client.markRead(ROOM, seq);
    await time.pass(100);
  }
  await time.pass(2000);
  const told = network.ops('read.mark').map(({ seq }) => seq);
  assert.ok(told.length <= 4, String(told));
  assert.equal(told.at(-1), 20);
});
