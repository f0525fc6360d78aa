// What a timeline shows, in order: day bars, the unread line, messages in groups, and last what waits to be sent. Pure.
import { dayKey } from './time.js';

/** Messages of one author within this time stand together under one name. */
const GROUP_MS = 5 * 60_000;

export function itemsOf(rows, queued, { thread, me, unreadFrom, atEnd }) {
  const replies = thread ? new Map() : repliesOf(rows);
  const shown = thread ? rows : rows.filter((row) => !row.threadRoot);
  const known = new Set(rows.map(({ id }) => id));
  const waiting = atEnd ? queued.filter((entry) => belongs(entry, thread) && !known.has(entry.messageId)) : [];
  const items = [];
  let before = null;
  let lineDrawn = unreadFrom == null;
  for (const item of [...shown.map(kept), ...waiting.map((entry) => sent(entry, me))]) {
    const { row } = item;
    const newDay = !before || dayKey(before.postedAt) !== dayKey(row.postedAt);
    const line = !lineDrawn && row.seq > unreadFrom && row.authorId !== me;
    if (newDay) items.push({ kind: 'day', key: `day-${dayKey(row.postedAt)}`, label: row.postedAt });
    if (line) items.push({ kind: 'unread', key: 'unread' });
    lineDrawn ||= line;
    items.push({ ...item, head: newDay || line || !grouped(before, row), replies: replies.get(row.id) });
    before = row;
  }
  return items;
}

const belongs = (entry, thread) => (entry.threadRoot ?? null) === (thread ?? null);

const kept = (row) => ({ kind: 'message', key: row.id, row, state: 'sent' });

/** What is in the outbox looks like the message that it will be. */
function sent(entry, me) {
  const { messageId, room, content, replyTo, threadRoot, queuedAt, state, error } = entry;
  const row = {
    id: messageId,
    roomId: room,
    authorId: me,
    content,
    replyTo,
    threadRoot,
    postedAt: queuedAt,
    reactions: [],
  };
  return { kind: 'message', key: messageId, row, state, error };
}

function grouped(before, row) {
  const close = new Date(row.postedAt) - new Date(before.postedAt) < GROUP_MS;
  return (
    close && before.authorId === row.authorId && !row.replyTo && !before.deletedAt && !row.deletedAt && !row.pinned
  );
}

/** How many replies each thread has in this window, when the last came, and who wrote them, latest first. */
function repliesOf(rows) {
  const threads = new Map();
  for (const row of rows) {
    if (!row.threadRoot || row.deletedAt) continue;
    const before = threads.get(row.threadRoot) ?? { count: 0, authors: [] };
    const authors = [row.authorId, ...before.authors.filter((id) => id !== row.authorId)];
    threads.set(row.threadRoot, { count: before.count + 1, lastAt: row.postedAt, authors });
  }
  return threads;
}
