// The address: `#/r/ROOM` and `#/r/ROOM/m/SEQ`. Everything else of the state is not worth a link.
import { batch } from '@preact/signals';
import { drawer, openRoomId, panel, rooms, sortedRooms } from './state.js';

/** A jump that the timeline is to make once it shows the room. */
let wantedSeq = null;
export const takeWantedSeq = () => {
  const seq = wantedSeq;
  wantedSeq = null;
  return seq;
};

export function goto(id) {
  location.hash = id ? `#/r/${id}` : '#/';
}

/** Opens a room at one of its messages. */
export async function gotoMessage(room, seq, id) {
  const store = rooms.value.get(room);
  if (!store) return;
  if (openRoomId.value !== room) {
    wantedSeq = { seq, id };
    goto(room);
    return;
  }
  if (!store.messages.find(id)) await store.messages.around(seq);
  document.dispatchEvent(new CustomEvent('voxlog:reveal', { detail: { id } }));
}

export function followAddress() {
  addEventListener('hashchange', read);
}

export function openInitialRoom() {
  read();
  if (openRoomId.value) return;
  if (matchMedia('(max-width: 48em)').matches) {
    drawer.value = true;
    return;
  }
  const first = sortedRooms.value.find((room) => !room.archived.value);
  if (first) goto(first.id);
}

function read() {
  const [, id] = location.hash.match(/^#\/r\/([0-9a-f-]{36})/) ?? [];
  const known = id && rooms.value.has(id) ? id : null;
  batch(() => {
    if (openRoomId.value !== known) panel.value = panel.value?.name === 'members' ? panel.value : null;
    openRoomId.value = known;
    if (known) drawer.value = false;
  });
}
