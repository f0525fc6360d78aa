import assert from 'node:assert/strict';
import { test } from 'node:test';

import { settle } from './fake.mjs';
import { ROOM, online } from './world.mjs';
import { foldCall } from '../../../web/sdk.js';

const JOINED = (session, userId = session) => ({
  callId: CALL,
  userId,
  session,
  muted: false,
  deafened: false,
  video: false,
});

const CALL = '01a9f0f0-0000-7000-8000-00000000ca11';

function fold(...steps) {
  return steps.reduce((call, [type, data]) => foldCall(call, { event: { type: `voxlog.${type}.v1`, data } }), null);
}

const STARTED = ['call.started', { callId: CALL, startedBy: 'ada', session: 's1', seats: 8 }];

const sessions = (call) => call?.participants.map(({ session }) => session);

test('a call is the fold of both chains', () => {
  const call = fold(STARTED, ['call.joined', JOINED('s1', 'ada')], ['call.joined', JOINED('s2', 'bob')]);
  assert.equal(call.startedAt, new Date(parseInt('01a9f0f00000', 16)).toISOString());
  assert.deepEqual(sessions(call), ['s1', 's2']);
  const step = (type, data) => foldCall(call, { event: { type: `voxlog.${type}.v1`, data } });
  const updated = step('call.updated', { callId: CALL, session: 's2', userId: 'bob', muted: true });
  assert.deepEqual(
    [updated.participants[1].muted, updated.participants[1].video, call.participants[1].muted],
    [true, false, false],
  );
  for (const type of ['member.left', 'member.kicked', 'member.banned', 'member.muted']) {
    assert.deepEqual(sessions(step(type, { userId: 'bob' })), ['s1'], type);
    assert.equal(step(type, { userId: 'somebody' }), call);
  }
  assert.deepEqual(sessions(step('call.left', { callId: CALL, userId: 'ada', session: 's1', reason: 'lost' })), ['s2']);
  assert.equal(step('room.archived', {}), null);
  assert.equal(step('call.ended', { callId: CALL, reason: 'empty' }), null);
  assert.equal(fold(STARTED, ['call.joined', JOINED('s1', 'ada')], ['member.kicked', { userId: 'ada' }]), null);
  assert.equal(fold(['call.joined', JOINED('s1')]), null, 'nobody joins a call that is over');
});

test('events that the snapshot of a call holds already are not folded a second time', async () => {
  const { network, client, time, seen } = await online();
  const room = client.room(ROOM);
  network.append(ROOM, 'call', STARTED[0], STARTED[1]);
  network.append(ROOM, 'call', 'call.joined', JOINED('s1', 'ada'));
  await settle();
  assert.deepEqual(sessions(room.call), ['s1']);
  network.socket.cut();
  network.append(ROOM, 'call', 'call.joined', JOINED('s2', 'bob'));
  network.append(ROOM, 'ctl', 'member.kicked', { userId: 'bob' });
  network.append(ROOM, 'call', 'call.joined', JOINED('s3', 'eve'));
  network.log.room(ROOM).state = {
    call: {
      ...room.call,
      participants: [
        { session: 's1', userId: 'ada' },
        { session: 's3', userId: 'eve' },
      ],
    },
  };
  await time.pass(1000);
  assert.deepEqual(sessions(room.call), ['s1', 's3'], 'ctl came before call, and bob would be in');
  assert.equal(seen.event.length, 5);
});
