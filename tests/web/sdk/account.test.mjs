import assert from 'node:assert/strict';
import { test } from 'node:test';

import { settle } from './fake.mjs';
import { world } from './world.mjs';
import { Client } from '../../../web/sdk.js';

/** A REST surface in memory: `answer` is asked what comes, everything is noted. */
function surface(answer) {
  const asked = [];
  const fetch = async (url, { method, headers, body }) => {
    const { pathname, search } = new URL(url);
    const request = { method, path: pathname.replace('/api/v1', '') + search, headers, body: body && JSON.parse(body) };
    asked.push(request);
    const [status, reply] = answer(request);
    return {
      ok: status < 400,
      status,
      statusText: String(status),
      text: async () => (reply ? JSON.stringify(reply) : ''),
    };
  };
  return { asked, fetch };
}

function memory() {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
}

let grants = 0;

const grant = () => ({
  token: `token-${(grants += 1)}`,
  refreshToken: `refresh-${grants}`,
  expiresIn: 900,
  user: { id: 'ada' },
});

function withAccount(answer, storage = memory()) {
  const here = surface(answer);
  const { network, time, platform } = world();
  const client = new Client({ base: 'http://one', storage, platform: { ...platform, fetch: here.fetch } });
  const users = [];
  client.on('user', (user) => users.push(user?.id ?? null));
  return { ...here, client, users, storage, network, time };
}

const usual = ({ path }) => (path.startsWith('/auth/') ? [200, grant()] : [200, { data: [] }]);

test('somebody signs in, is found again after a reload, and signs out', async () => {
  const { client, users, storage } = withAccount(usual);
  assert.deepEqual(await client.login({ email: 'ada@example.org', password: 'secret' }), { id: 'ada' });
  const after = withAccount(usual, storage);
  assert.deepEqual(await after.client.restore(), { id: 'ada' });
  assert.equal(after.asked.length, 0, 'a token that lasts is used on');
  await after.client.logout();
  assert.deepEqual([users, after.users, after.asked[0].path], [['ada'], ['ada', null], '/auth/logout']);
  assert.equal(await withAccount(usual, storage).client.restore(), null);
});

test('whose account ends is signed out here without another word; where that is refused nothing changes', async () => {
  let status = 422;
  const { client, users, asked } = withAccount((request) => (request.method === 'DELETE' ? [status] : usual(request)));
  await client.login({});
  await assert.rejects(client.erase({ password: 'wrong' }));
  assert.deepEqual(users, ['ada']);
  status = 204;
  await client.erase({ password: 'secret' });
  assert.deepEqual([users, asked.at(-1).path, asked.at(-1).body], [['ada', null], '/users/me', { password: 'secret' }]);
});

test('a token is renewed once for all who need it', async () => {
  const { client, asked, time } = withAccount(usual);
  await client.login({});
  await time.pass(880_000);
  await Promise.all([
    client.rest('GET', '/users/me'),
    client.rest('GET', '/users/me/rooms'),
    client.rest('GET', '/search'),
  ]);
  const paths = asked.map(({ path }) => path);
  assert.deepEqual(paths, ['/auth/login', '/auth/refresh', '/users/me', '/users/me/rooms', '/search']);
  assert.equal(new Set(asked.slice(2).map(({ headers }) => headers.authorization)).size, 1);
});

test('a token that is refused is renewed once, and a sign-in that is over is told', async () => {
  let good = false;
  const { client, asked, users } = withAccount(({ path }) => {
    if (path === '/auth/login') return [200, grant()];
    if (path === '/auth/refresh') return good ? [200, grant()] : [401, { code: 'unauthenticated', detail: 'over' }];
    return good && asked.length > 2 ? [200, { id: 'ada' }] : [401, { code: 'unauthenticated', detail: 'no' }];
  });
  await client.login({});
  good = true;
  assert.deepEqual(await client.rest('GET', '/users/me'), { id: 'ada' });
  good = false;
  await assert.rejects(client.rest('GET', '/users/me'), { code: 'unauthenticated' });
  assert.deepEqual(users, ['ada', null]);
});

test('a sign-in that is revoked is over here too', async () => {
  const { client, users, network } = withAccount(usual);
  await client.login({});
  client.connect();
  await settle();
  network.socket.cut(4504);
  await settle();
  assert.deepEqual([users, client.status.state, client.status.reason], [['ada', null], 'ended', 'revoked']);
});

test('a read that follows a write sees it, a POST is carried out once, and refusals say why', async () => {
  const { client, asked, time } = withAccount(({ method, path }) => {
    if (path.startsWith('/auth/')) return [200, grant()];
    if (path === '/rooms/full/join')
      return [409, { code: 'room_full', detail: 'every seat is taken', requestId: 'r1' }];
    return method === 'DELETE' ? [204, null] : [200, { position: '3:17' }];
  });
  await client.login({});
  await client.rest('GET', '/users/me/rooms', { query: { limit: 2, after: undefined } });
  await client.rest('POST', '/rooms', { body: { name: 'x' } });
  await client.rest('GET', '/users/me/rooms');
  await time.pass(6000);
  await client.rest('GET', '/users/me/rooms');
  const [, first, post, second, third] = asked;
  assert.equal(first.path, '/users/me/rooms?limit=2');
  assert.match(post.headers['idempotency-key'], /^[0-9a-f-]{36}$/);
  assert.deepEqual(
    [first, second, third].map(({ headers }) => headers['x-voxlog-min-position']),
    [undefined, '3:17', undefined],
  );
  assert.equal(await client.rest('DELETE', '/rooms/x'), null);
  await assert.rejects(client.rest('POST', '/rooms/full/join'), {
    code: 'room_full',
    status: 409,
    requestId: 'r1',
    passes: false,
  });
});

test('without a network a request says so, and who was signed in stays so', async () => {
  const storage = memory();
  await withAccount(usual, storage).client.login({});
  const { client, time } = withAccount(() => {
    throw new TypeError('failed to fetch');
  }, storage);
  await time.pass(1_000_000);
  assert.deepEqual(await client.restore(), { id: 'ada' });
  await assert.rejects(client.rest('GET', '/users/me'), { code: 'offline', passes: true });
});
