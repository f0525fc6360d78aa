// What differs between two states of a room, whatever they are made of.

/** What names a member of a list, so that a list is compared member by member and not place by place. */
const NAMES = ['userId', 'id', 'session', 'code', 'emoji', 'callId'];

/**
 * Between a room before an event, where there is one, and after it.
 * @param {object | undefined} before as `GET /rooms/{id}/state` shows it @param {object} after likewise
 * @returns {{path: string, was?: any, is?: any}[]} `was` is absent of what came, `is` of what went
 */
export function changes(before, after) {
  const was = before?.messages ?? [];
  // The oldest message goes off the top when a new one comes: that is no change of the room.
  const kept = new Set(after.messages.map(({ id }) => id));
  const shown = was.length ? after.messages.filter(({ seq }) => seq >= was[0].seq) : after.messages;
  return [
    ...between('', before?.state, after.state),
    ...between('call', before?.call, after.call),
    ...between('messages', was.filter(({ id }) => kept.has(id)), shown),
  ];
}

/** The paths that differ. */
export function between(path, was, is) {
  if (was === is) return [];
  const [before, after] = [branches(was), branches(is)];
  if (!before || !after) return same(was, is) ? [] : [{ path, ...(was !== undefined && { was }), ...(is !== undefined && { is }) }];
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap((name) => between(path ? `${path}.${name}` : name, before.get(name), after.get(name)));
}

/** What is below a value by name; `null` of what is compared as a whole. */
function branches(value) {
  if (value === null || typeof value !== 'object') return null;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  const name = NAMES.find((name) => value.every((member) => member && typeof member === 'object' && name in member));
  return name || !value.length ? new Map(value.map((member) => [short(member[name]), member])) : null;
}

const short = (id) => (String(id).length === 36 ? `…${String(id).slice(-6)}` : String(id));
const same = (was, is) => JSON.stringify(was) === JSON.stringify(is);
