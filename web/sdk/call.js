import { timeOf } from './ids.js';

const MEDIA = ['muted', 'deafened', 'video', 'screen'];

/**
 * A room's call after one more event of its `ctl` or `call` chain, as gateways and read models fold it. Pure: what is
 * given stays as it is. Who loses their seat or their voice in the room is out of its call at that very event, and a
 * call that nobody is in any more is over.
 * @param {object | null} call
 * @param {{event: {type: string, data: object}}} entry
 * @returns {object | null}
 */
export function foldCall(call, { event: { type, data } }) {
  switch (type) {
    case 'voxlog.call.started.v1': {
      const { callId, startedBy, seats } = data;
      return { callId, startedBy, startedAt: new Date(timeOf(callId)).toISOString(), seats, participants: [] };
    }
    case 'voxlog.call.joined.v1':
      return call && { ...call, participants: [...others(call, data.session), participant(data)] };
    case 'voxlog.call.updated.v1':
      return call && { ...call, participants: call.participants.map((one) => changed(one, data)) };
    case 'voxlog.call.left.v1':
      return call && peopled({ ...call, participants: others(call, data.session) });
    case 'voxlog.member.left.v1':
    case 'voxlog.member.kicked.v1':
    case 'voxlog.member.banned.v1':
    case 'voxlog.member.muted.v1':
      return without(call, data.userId);
    case 'voxlog.call.ended.v1':
    case 'voxlog.room.archived.v1':
      return null;
    default:
      return call;
  }
}

const others = (call, session) => call.participants.filter((one) => one.session !== session);

const peopled = (call) => (call.participants.length > 0 ? call : null);

function without(call, userId) {
  if (!call?.participants.some((one) => one.userId === userId)) return call;
  return peopled({ ...call, participants: call.participants.filter((one) => one.userId !== userId) });
}

function participant(data) {
  const media = Object.fromEntries(MEDIA.map((name) => [name, data[name] ?? false]));
  return { session: data.session, userId: data.userId, ...media };
}

function changed(one, data) {
  if (one.session !== data.session) return one;
  const media = MEDIA.filter((name) => typeof data[name] === 'boolean').map((name) => [name, data[name]]);
  return { ...one, ...Object.fromEntries(media) };
}
