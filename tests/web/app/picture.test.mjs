// What the client makes of events, and what it shows of them in which order: the parts of the app that need no browser.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { foldMessages, foldRoom, viewOf } from '../../../web/app/fold.js';
import { itemsOf } from '../../../web/app/timeline_items.js';

const ROOM = 'lobby';
const [ADA, BOB] = ['ada', 'bob'];
const NOON = Date.parse('2026-11-20T12:00:00');
const MINUTE = 60_000;

const event = (type, data, at = NOON) => ({ type: `voxlog.${type}.v1`, data, time: new Date(at).toISOString() });
const fold = (events, rows = []) =>
  events.reduce((after, [seq, one]) => foldMessages(after, ROOM, seq, one), rows);

const posted = (messageId, { by = ADA, at = NOON, ...more } = {}) =>
  event('message.posted', { messageId, authorId: by, content: messageId, type: 'text', ...more }, at);

const HISTORY = [
  [1, posted('one')],
  [4, posted('two', { by: BOB, replyTo: 'one' })],
  [5, event('message.edited', { messageId: 'one', content: 'uno', mentions: [BOB] }, NOON + MINUTE)],
  [6, event('reaction.added', { messageId: 'one', userId: BOB, emoji: '👋' })],
  [7, event('reaction.added', { messageId: 'one', userId: ADA, emoji: '👋' })],
  [8, event('reaction.removed', { messageId: 'one', userId: BOB, emoji: '👋' })],
  [9, event('message.pinned', { messageId: 'one' })],
  [12, event('message.deleted', { messageId: 'two' })],
];

test('events make the rows that the read model would have', () => {
  const [one, two] = fold(HISTORY);
  assert.equal(one.content, 'uno');
  assert.deepEqual(one.mentions, [BOB]);
  assert.deepEqual(one.reactions, [{ emoji: '👋', userIds: [ADA], count: 1 }]);
  assert.ok(one.pinned && one.editedAt && !one.deletedAt);
  assert.equal(two.content, '');
  assert.ok(two.deletedAt);
});

test('what comes twice changes nothing, whatever of it comes again', () => {
  const once = fold(HISTORY);
  for (const again of HISTORY) assert.deepEqual(fold([again, ...HISTORY.filter(([seq]) => seq > again[0])], once), once);
});

test('a message that comes late takes its place', () => {
  const rows = fold([[9, posted('nine')], [3, posted('three')], [5, posted('five')]]);
  assert.deepEqual(rows.map(({ seq }) => seq), [3, 5, 9]);
});

test('an edit of a message outside of the window leaves the rows as they are, not even copied', () => {
  const rows = fold(HISTORY);
  assert.equal(fold([[20, event('message.edited', { messageId: 'elsewhere', content: '?' })]], rows), rows);
});

test('a handed-over room has one owner, and who was kicked is gone', () => {
  const view = viewOf({ name: 'Lobby', settings: {}, members: [{ userId: ADA, role: 'owner' }, { userId: BOB, role: 'member' }] });
  const handed = foldRoom(view, event('member.roleChanged', { userId: BOB, role: 'owner', formerOwnerId: ADA }));
  assert.deepEqual([handed.members.get(BOB).role, handed.members.get(ADA).role], ['owner', 'admin']);
  assert.deepEqual([...foldRoom(handed, event('member.kicked', { userId: ADA })).members.keys()], [BOB]);
  assert.equal(view.members.size, 2, 'the view before is as it was');
});

test('who comes by an invite has a seat like everybody else, once', () => {
  const view = viewOf({ name: 'Lobby', settings: {}, members: [{ userId: ADA, role: 'owner' }] });
  const data = { inviteId: 'i', userId: BOB, role: 'member' };
  const used = { ...event('invite.used', data), type: 'voxlog.invite.used.v2' };
  const seated = foldRoom(view, used);
  assert.deepEqual(seated.members.get(BOB), { userId: BOB, role: 'member', muted: false, joinedAt: used.time });
  assert.deepEqual(foldRoom(seated, used), seated);
});

const SHOWN = { thread: null, me: ADA, unreadFrom: null, atEnd: true };
const kinds = (items) => items.map(({ kind, row, head }) => (row ? `${head ? '+' : ' '}${row.id}` : kind));

test('messages of one author stand together, until the day or the author changes or time goes by', () => {
  const rows = fold([
    [1, posted('a')],
    [2, posted('b', { at: NOON + MINUTE })],
    [3, posted('c', { at: NOON + 30 * MINUTE })],
    [4, posted('d', { by: BOB, at: NOON + 31 * MINUTE })],
    [5, posted('e', { by: BOB, at: NOON + 24 * 60 * MINUTE })],
  ]);
  assert.deepEqual(kinds(itemsOf(rows, [], SHOWN)), ['day', '+a', ' b', '+c', '+d', 'day', '+e']);
});

test('the unread line stands before the first message of somebody else that was not read', () => {
  const rows = fold([[1, posted('a')], [2, posted('b')], [3, posted('c', { by: BOB })], [4, posted('d', { by: BOB })]]);
  assert.deepEqual(kinds(itemsOf(rows, [], { ...SHOWN, unreadFrom: 1 })), ['day', '+a', ' b', 'unread', '+c', ' d']);
});

test('replies of a thread are counted at its root and shown beside it', () => {
  const rows = fold([[1, posted('root')], [2, posted('x', { by: BOB, threadRoot: 'root' })], [3, posted('y', { threadRoot: 'root' })]]);
  const [, root, ...rest] = itemsOf(rows, [], SHOWN);
  assert.deepEqual([root.replies.count, root.replies.authors, rest], [2, [ADA, BOB], []]);
});

test('what waits to be sent stands at the end, once, in its own thread', () => {
  const entry = (messageId, more) => ({ messageId, room: ROOM, content: '?', state: 'pending', queuedAt: new Date(NOON), ...more });
  const rows = fold([[1, posted('a')]]);
  const queued = [entry('a', { state: 'sent' }), entry('b'), entry('c', { threadRoot: 'a' })];
  assert.deepEqual(kinds(itemsOf(rows, queued, SHOWN)), ['day', '+a', ' b']);
  assert.deepEqual(kinds(itemsOf(rows, queued, { ...SHOWN, atEnd: false })), ['day', '+a']);
});
