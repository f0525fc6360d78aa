// What people do to rooms and messages. A failure becomes a toast; the answer comes back as an event like everybody's.
import { client } from './client.js';
import { goto } from './route.js';
import { dropRoom, readRooms } from './sync.js';
import { complain, toast } from './toasts.js';

/** Carries out a command; true when it worked. */
export async function command(op, fields, what) {
  try {
    await client.command(op, fields);
    return true;
  } catch (error) {
    complain(error, what);
    return false;
  }
}

export const editMessage = (row, content) =>
  command('message.edit', { room: row.roomId, messageId: row.id, content }, 'The change was not stored');

export const deleteMessage = (row) =>
  command('message.delete', { room: row.roomId, messageId: row.id }, 'The message was not deleted');

export const togglePin = (row) =>
  command(row.pinned ? 'message.unpin' : 'message.pin', { room: row.roomId, messageId: row.id });

export function toggleReaction(row, emoji, mine) {
  return command(mine ? 'reaction.remove' : 'reaction.add', { room: row.roomId, messageId: row.id, emoji });
}

/** Kick, ban, mute and their opposites: `op` is the last word of the command. */
export const moderate = (room, op, fields) => command(`room.${op}`, { room, ...fields });

export async function createRoom(fields) {
  const { room } = await client.command('room.create', fields);
  await readRooms(room);
  goto(room);
}

/** Joins by a code, of a room or an invite, or by the id of a public room. */
export async function joinRoom(by) {
  const { room, requested } = await client.command('room.join', by);
  if (requested) return void toast('An admin is asked to let you in');
  await readRooms(room);
  goto(room);
  return undefined;
}

export async function leaveRoom(room) {
  if (!(await command('room.leave', { room: room.id }, `You are still in ${room.view.value.name}`))) return;
  client.unsubscribe(room.id);
  dropRoom(room.id);
}

export async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`${what} copied`);
  } catch {
    toast(`${what}: ${text}`);
  }
}
