// Carries what the SDK tells into the state, from sign-in to sign-out.
import { batch, effect } from '@preact/signals';
import { client, voice } from './client.js';
import { shortType } from './fold.js';
import { forgetPeople, learn, nameOf } from './people.js';
import { Room } from './room.js';
import { openInitialRoom } from './route.js';
import {
  connection,
  me,
  openRoomId,
  outbox,
  ownStatus,
  panel,
  rooms,
  roomsLoaded,
  totalMentions,
  totalUnread,
} from './state.js';
import { complain, toast, told } from './toasts.js';

/** A socket may hold 200 rooms open; a few are left for those that one joins meanwhile. */
const MOST_OPEN = 180;

/** How long to wait for the read model, again and again. */
const PATIENCE_MS = [50, 100, 200, 400, 800, 1600];

/** Within this time the feed has told why a subscription has ended. */
const FEED_MS = 400;

const LOSSES = ['member.left', 'member.kicked', 'member.banned'];

export async function start() {
  listen();
  titled();
  try {
    await signedIn(await client.restore());
  } catch (error) {
    me.value = null;
    complain(error, 'Signing in again did not work');
  }
}

/** Begins everything that somebody who is signed in sees. */
export async function signedIn(account) {
  if (!account) return forget();
  itIs(account);
  client.connect({ presence: ownStatus.value });
  outbox.value = new Map(client.outbox().map((entry) => [entry.messageId, entry]));
  await readRooms();
  openInitialRoom();
  return undefined;
}

function itIs(account) {
  learn([account], 'id');
  me.value = account;
}

let leaving = false;

export async function signOut() {
  leaving = true;
  try {
    await voice.leave();
    await client.logout();
  } catch (error) {
    complain(error);
  }
}

/** Ends the account. Where that is refused everything stays as it is. */
export async function erase(form) {
  leaving = true;
  try {
    await client.erase(form);
  } finally {
    leaving = false;
  }
}

/**
 * My rooms; those that are new are subscribed, those that I lost go. The read model may be some moments behind the log:
 * with `expected`, a room that I have just got, it is asked again until it has that one.
 */
export async function readRooms(expected) {
  for (const waitMs of [...PATIENCE_MS, null]) {
    let found;
    try {
      found = await roomRows();
    } catch (error) {
      complain(error, 'Your rooms could not be read');
      return;
    }
    shown(found);
    if (!expected || rooms.value.has(expected) || waitMs === null) return;
    await new Promise((go) => setTimeout(go, waitMs));
  }
}

async function roomRows() {
  const found = [];
  let after;
  do {
    const page = await client.rest('GET', '/users/me/rooms', { query: { limit: 100, after } });
    found.push(...page.data);
    after = page.hasMore ? page.next : undefined;
  } while (after);
  return found;
}

function shown(found) {
  batch(() => {
    const next = new Map();
    for (const row of found) {
      const room = rooms.value.get(row.id);
      room?.counted(row);
      next.set(row.id, room ?? new Room(row));
    }
    rooms.value = next;
    roomsLoaded.value = true;
  });
  found.slice(0, MOST_OPEN).forEach(({ id }) => client.subscribe(id));
}

function listen() {
  client.on('status', (status) => {
    connection.value = status;
  });
  client.on('user', (account) => (account ? itIs(account) : signedOut()));
  client.on('subscribed', (frame) => {
    rooms.value.get(frame.room)?.subscribed(frame, me.value?.id);
    if (frame.reason) void recount();
  });
  client.on('event', (frame) => rooms.value.get(frame.room)?.event(frame, me.value?.id));
  for (const name of ['presence', 'typing', 'speaking', 'call', 'caught-up']) {
    client.on(name, ({ room }) => rooms.value.get(room)?.ambient());
  }
  client.on('gone', ({ room }) => rooms.value.get(room)?.reread());
  client.on('feed', feed);
  client.on('lost', lost);
  client.on('outbox', queued);
  voice.on('ended', ({ error }) =>
    toast(error ? `You are out of the call: ${told(error)}` : 'The call is over', 'warn'),
  );
}

/** Something that concerns me, wherever it happened. */
function feed({ room, event }) {
  const type = shortType(event);
  const { data } = event;
  if (type === 'read.marked') return void rooms.value.get(data.roomId)?.read(data.seq);
  if (['member.joined', 'member.approved', 'invite.used', 'room.created'].includes(type) && !rooms.value.has(room)) {
    return void readRooms(room).then(() => welcomed(type, room));
  }
  if (LOSSES.includes(type) && data.userId === me.value?.id) return void removed(type, room, event);
  if (type === 'message.posted' && room && !client.room(room)) void recount();
  return undefined;
}

function welcomed(type, room) {
  const name = rooms.value.get(room)?.view.value.name;
  if (type === 'member.approved' && name) toast(`You were let into ${name}`);
  openInitialRoom();
}

async function recount() {
  try {
    const page = await client.rest('GET', '/users/me/unread');
    batch(() => page.data.forEach((row) => rooms.value.get(row.roomId)?.counted(row)));
  } catch {
    // The counts stay as they are; the next message or reconnect asks again.
  }
}

/** A room that may be read no longer goes from the list. Who did it and why, the feed tells, before or after. */
function lost({ room, error }) {
  if (!rooms.value.has(room)) return;
  if (error?.code === 'conflict') return void client.subscribe(room);
  setTimeout(() => gone(room, (name) => `You are no longer in ${name}`), FEED_MS);
}

function gone(room, words) {
  const name = rooms.value.get(room)?.view.value.name;
  if (!name) return;
  if (words) toast(words(name), 'warn');
  dropRoom(room);
}

function removed(type, room, { actor, data }) {
  const deed = { 'member.kicked': 'removed you from', 'member.banned': 'banned you from' }[type];
  const reason = data.reason ? `: ${data.reason}` : '';
  client.unsubscribe(room);
  gone(room, deed && ((name) => `${nameOf(actor)} ${deed} ${name}${reason}`));
}

export function dropRoom(id) {
  const rest = new Map(rooms.value);
  rest.delete(id);
  batch(() => {
    rooms.value = rest;
    if (openRoomId.value === id) {
      panel.value = null;
      openRoomId.value = null;
    }
  });
  openInitialRoom();
}

function queued(entry) {
  const entries = new Map(outbox.value);
  if (['confirmed', 'discarded'].includes(entry.state)) entries.delete(entry.messageId);
  else entries.set(entry.messageId, { ...entry });
  outbox.value = entries;
}

/** By oneself, or because the sign-in was revoked: from another device, or by an operator. */
function signedOut() {
  if (me.value && !leaving) toast('You were signed out', 'warn');
  leaving = false;
  forget();
}

function forget() {
  batch(() => {
    me.value = null;
    ownStatus.value = 'online';
    rooms.value = new Map();
    roomsLoaded.value = false;
    openRoomId.value = null;
    panel.value = null;
    outbox.value = new Map();
  });
  forgetPeople();
}

function titled() {
  effect(() => {
    const count = totalMentions.value || totalUnread.value;
    document.title = count ? `(${count}) Voxlog` : 'Voxlog';
  });
}
