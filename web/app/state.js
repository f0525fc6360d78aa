// The state of the page. Whoever draws reads these signals; `sync.js`, `route.js` and a few actions change them.
import { computed, effect, signal } from '@preact/signals';

/** The account that is signed in, or null; undefined until that is known. */
export const me = signal(undefined);

/** The rooms that one is in, by id. */
export const rooms = signal(new Map());
export const roomsLoaded = signal(false);

export const openRoomId = signal(null);
export const openRoom = computed(() => rooms.value.get(openRoomId.value) ?? null);

/** Which panel stands at the right: null, or `{ name: 'members' | 'thread' | 'search' | 'pins', … }`. */
export const panel = signal(null);

/** On a narrow screen the rooms slide over the timeline. */
export const drawer = signal(false);

/** Which dialog is open: null, or `{ name, … }`. */
export const dialog = signal(null);

export const connection = signal({ state: 'connecting', attempt: 0, lastSeq: 0, recovered: null });

const STATUS = 'voxlog.status';

/** How one wants to be seen, also after a reload. */
export const ownStatus = signal(sessionStorage.getItem(STATUS) ?? 'online');
effect(() => sessionStorage.setItem(STATUS, ownStatus.value));

/** What waits to be sent, or could not be, by message id. */
export const outbox = signal(new Map());

export const dialogOpen = (name, more = {}) => {
  dialog.value = { name, ...more };
};
export const dialogClose = () => {
  dialog.value = null;
};
export const panelToggle = (name, more = {}) => {
  panel.value = panel.value?.name === name && !more.root ? null : { name, ...more };
};

/** The rooms by name, those that are closed for good last: a list that stays where it is while one reads it. */
export const sortedRooms = computed(() =>
  [...rooms.value.values()].sort(
    (a, b) =>
      Number(a.archived.value) - Number(b.archived.value) ||
      a.view.value.name.localeCompare(b.view.value.name, undefined, { sensitivity: 'base' }),
  ),
);

export const totalUnread = computed(() => [...rooms.value.values()].reduce((sum, room) => sum + room.unread.value, 0));
export const totalMentions = computed(() =>
  [...rooms.value.values()].reduce((sum, room) => sum + room.mentions.value, 0),
);
