// What others in a call send is their word, and may be anything: nobody but they themselves is any the worse for it.
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';

import { settle } from '../sdk/fake.mjs';
import { Connection, Sender, answer, offer } from './fake.mjs';
import { Mesh } from '../../../web/voice/mesh.js';
import { Outgoing } from '../../../web/voice/outgoing.js';

const CALL = { participants: ['evil', 'good', 'own'].map((session) => ({ session })) };

const NONSENSE = [
  ...[null, true, 7, 'offer', [], [null], {}],
  ...[null, 7, 'rollback', [], {}, { type: 'rollback' }, { type: 'offer' }, { type: 'offer', sdp: 7 }],
].flatMap((data) => [data, { from: 'evil-1', description: data }, { from: 'evil-1', candidates: data, streams: data }]);

function world() {
  const client = new Sender();
  const played = new Map();
  const mesh = new Mesh({
    client,
    room: 'lobby',
    iceServers: [],
    capture: { tracks: () => [{ kind: 'voice', track: {}, stream: { id: 'mine' } }] },
    playback: { play: (session, stream) => played.set(session, stream) },
    changed: () => {},
  });
  return { client, mesh, played };
}

beforeEach(() => {
  globalThis.RTCPeerConnection = Connection;
  Connection.made = [];
  mock.timers.reset();
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
});

test('nonsense before the log shows who says it, and after, keeps nobody from connecting', async () => {
  const { client, mesh } = world();
  for (const data of NONSENSE) mesh.signal('evil', data);
  mesh.follow(CALL);
  await settle();
  for (const data of NONSENSE) mesh.signal('evil', data);
  await settle();
  const [offered] = client.to('good');
  assert.equal(offered.description.type, 'offer');
  mesh.signal('good', answer('good-1', offered.from));
  mesh.signal('good', { from: 'good-1', to: offered.from, candidates: [{ candidate: 'way' }] });
  await settle();
  const [, good] = Connection.made;
  assert.deepEqual([good.signalingState, good.candidates], ['stable', ['way']]);
  mesh.close();
});

test('of a signal with nonsense in it the rest counts', async () => {
  const { client, mesh } = world();
  mesh.follow({ participants: [{ session: 'own' }, { session: 'evil' }] });
  mesh.signal('evil', offer('evil-1', { streams: 7, candidates: 7, to: 7 }));
  mesh.signal('evil', { from: 'evil-1', candidates: [null, 'way', [], { candidate: 'way' }] });
  await settle();
  assert.deepEqual(client.to('evil').map(({ description }) => description.type), ['answer']);
  assert.deepEqual(Connection.made[0].candidates, ['way']);
  mesh.close();
});

test('candidates without end are not kept', async () => {
  const { mesh } = world();
  mesh.follow({ participants: [{ session: 'own' }, { session: 'evil' }] });
  for (let turn = 0; turn < 10; turn += 1) {
    mesh.signal('evil', { from: 'evil-1', candidates: Array.from({ length: 100 }, () => ({ candidate: 'way' })) });
  }
  mesh.signal('evil', offer('evil-1'));
  await settle();
  assert.equal(Connection.made[0].candidates.length, 200);
  mesh.close();
});

test('a picture that is called a voice is a picture', async () => {
  const { mesh, played } = world();
  mesh.follow({ participants: [{ session: 'own' }, { session: 'evil' }] });
  mesh.signal('evil', offer('evil-1', { streams: { theirs: 'voice', shared: 'screen', constructor: 'voice' } }));
  await settle();
  const theirs = { id: 'theirs' };
  const shared = { id: 'shared' };
  Connection.made[0].gives('video', theirs);
  Connection.made[0].gives('video', shared);
  assert.deepEqual([...mesh.of('evil').peer.streams], [['camera', theirs], ['screen', shared]]);
  assert.equal(played.get('evil'), undefined);
  mesh.close();
});

test('signals that come too fast wait as long as the gateway says, and stay in order', async () => {
  const client = new Sender();
  const outgoing = new Outgoing(client, 'lobby');
  let refusals = 2;
  client.refuse = ({ data }) =>
    data === 'second' && refusals-- > 0 ? ['rate_limited', 'too fast', { retryAfterMs: 3000 }] : undefined;
  for (const data of ['first', 'second', 'third']) outgoing.send('good', data);
  await settle();
  mock.timers.tick(2999);
  await settle();
  assert.deepEqual([client.to('good'), refusals], [['first'], 1]);
  mock.timers.tick(1);
  await settle();
  outgoing.send('good', 'fourth');
  mock.timers.tick(3000);
  await settle();
  assert.deepEqual(client.to('good'), ['first', 'second', 'third', 'fourth']);
});
