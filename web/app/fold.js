// What events do to a room and to its messages. Pure: the same events make the same picture, wherever they came from,
// the socket, `history` or both, and an event that comes twice changes nothing the second time.

/** A room as `subscribed` tells it, with its members by id. */
export function viewOf(state) {
  const { members, presence, typing, speaking, call, ...rest } = state;
  return { ...rest, members: new Map(members.map((member) => [member.userId, { muted: false, ...member }])) };
}

function withMember(view, userId, change) {
  const members = new Map(view.members);
  const next = change(members.get(userId));
  if (next) members.set(userId, next);
  else members.delete(userId);
  return { ...view, members };
}

function seated(view, { userId, role }, { time }) {
  return withMember(view, userId, (member) => member ?? { userId, role, muted: false, joinedAt: time });
}

const gone = (view, { userId }) => withMember(view, userId, () => null);

const ROOM = {
  'room.created': (view, data) => ({ ...view, ...pick(data, 'name', 'description', 'code', 'maxUsers', 'settings') }),
  'room.updated': (view, data) => ({
    ...view,
    ...pick(data, 'name', 'description', 'maxUsers'),
    settings: { ...view.settings, ...data.settings },
  }),
  'room.archived': (view) => ({ ...view, archived: true }),
  'room.codeRotated': (view, { code }) => ({ ...view, code }),
  'member.joined': seated,
  'member.approved': seated,
  'invite.used': seated,
  'member.left': gone,
  'member.kicked': gone,
  'member.banned': gone,
  'member.muted': (view, { userId, until }) =>
    withMember(view, userId, (member) => member && { ...member, muted: true, mutedUntil: until ?? null }),
  'member.unmuted': (view, { userId }) =>
    withMember(view, userId, (member) => member && { ...member, muted: false, mutedUntil: null }),
  'member.roleChanged': (view, { userId, role, formerOwnerId }) => {
    const changed = withMember(view, userId, (member) => member && { ...member, role });
    if (!formerOwnerId) return changed;
    return withMember(changed, formerOwnerId, (member) => member && { ...member, role: 'admin' });
  },
};

/** The room after an event of its control chain. */
export function foldRoom(view, event) {
  const step = ROOM[shortType(event)];
  return step ? step(view, event.data, event) : view;
}

/** The row that a `message.posted` event makes, as REST would tell it. */
function rowOf(room, seq, { data, time }) {
  return {
    id: data.messageId,
    roomId: room,
    seq,
    authorId: data.authorId,
    authorName: null,
    content: data.content,
    type: data.type ?? 'text',
    mentions: data.mentions ?? [],
    replyTo: data.replyTo ?? null,
    threadRoot: data.threadRoot ?? null,
    postedAt: time,
    editedAt: null,
    deletedAt: null,
    pinned: false,
    recorded: true,
    reactions: [],
  };
}

function reacted(row, { emoji, userId }, present) {
  const before = row.reactions.find((reaction) => reaction.emoji === emoji);
  const others = (before?.userIds ?? []).filter((id) => id !== userId);
  const userIds = present ? [...others, userId] : others;
  if (userIds.length === (before?.userIds.length ?? 0)) return row;
  const after = { emoji, userIds, count: userIds.length };
  const reactions = before
    ? row.reactions.map((reaction) => (reaction === before ? after : reaction))
    : [...row.reactions, after];
  return { ...row, reactions: reactions.filter((reaction) => reaction.count > 0) };
}

const MESSAGE = {
  'message.edited': (row, data, event) => ({
    ...row,
    content: data.content,
    mentions: data.mentions ?? [],
    editedAt: event.time,
  }),
  'message.deleted': (row, _, event) => ({ ...row, content: '', mentions: [], reactions: [], deletedAt: event.time }),
  'message.pinned': (row) => ({ ...row, pinned: true }),
  'message.unpinned': (row) => ({ ...row, pinned: false }),
  'reaction.added': (row, data) => reacted(row, data, true),
  'reaction.removed': (row, data) => reacted(row, data, false),
};

/** The rows, in the order of their seqs, after an event of the message chain. */
export function foldMessages(rows, room, seq, event) {
  const type = shortType(event);
  if (type === 'message.posted') return inserted(rows, rowOf(room, seq, event));
  const step = MESSAGE[type];
  const at = step ? rows.findLastIndex((row) => row.id === event.data.messageId) : -1;
  if (at < 0) return rows;
  const after = step(rows[at], event.data, event);
  return after === rows[at] ? rows : rows.with(at, after);
}

function inserted(rows, row) {
  if (rows.some(({ id }) => id === row.id)) return rows;
  const before = rows.findLastIndex(({ seq }) => seq < row.seq);
  return rows.toSpliced(before + 1, 0, row);
}

/** `message.posted` of `voxlog.message.posted.v1`. */
export const shortType = (event) => event.type.replace(/^voxlog\.|\.v\d+$/g, '');

function pick(data, ...names) {
  return Object.fromEntries(names.filter((name) => data[name] != null).map((name) => [name, data[name]]));
}
