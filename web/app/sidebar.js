// The left side: the rooms with what is unread in them, the call one is in, and oneself.
import { useEffect, useRef } from 'preact/hooks';
import { voice } from './client.js';
import { CallDock } from './call_dock.js';
import { cls, html } from './html.js';
import { Icon } from './icons.js';
import { Own } from './own.js';
import { dialogOpen, drawer, openRoomId, roomsLoaded, sortedRooms } from './state.js';

export function Sidebar() {
  const box = useRef(null);
  useEffect(() => drawer.subscribe((open) => open && requestAnimationFrame(() => focusIn(box.current))), []);
  return html`<nav
    ref=${box}
    class=${cls('sidebar', drawer.value && 'sidebar-open')}
    aria-label="Rooms"
    data-testid="sidebar"
    data-open=${drawer.value}
  >
    <header class="sidebar-head">
      <span class="brand"><img src="/app/icon.svg" alt="" width="24" height="24" />Voxlog</span>
      <button
        type="button"
        class="icon-button"
        aria-label="Go to a room"
        title="Go to a room (Ctrl+K)"
        data-testid="open-switcher"
        onClick=${() => dialogOpen('switcher')}
      >
        <${Icon} name="search" />
      </button>
      <button
        type="button"
        class="icon-button"
        aria-label="New room, or join one"
        title="New room, or join one"
        data-testid="add-room"
        onClick=${() => dialogOpen('rooms')}
      >
        <${Icon} name="plus" />
      </button>
    </header>
    <${RoomList} />
    <${CallDock} voice=${voice} />
    <${Own} />
  </nav>`;
}

/** Where the rooms slide over the timeline, the keyboard goes with them. */
function focusIn(box) {
  (box?.querySelector('[aria-current]') ?? box?.querySelector('a, button'))?.focus();
}

function RoomList() {
  const rooms = sortedRooms.value;
  if (!rooms.length && roomsLoaded.value) {
    return html`<div class="room-list room-list-empty">
      <p>You are in no room yet.</p>
      <button type="button" class="button" onClick=${() => dialogOpen('rooms', { tab: 'browse' })}>Look around</button>
    </div>`;
  }
  return html`<ul class="room-list" data-testid="room-list">
    ${rooms.map((room) => html`<li key=${room.id}><${RoomLink} room=${room} /></li>`)}
  </ul>`;
}

function RoomLink({ room }) {
  const { name, settings, archived } = room.view.value;
  const here = openRoomId.value === room.id;
  const [unread, mentions] = [room.unread.value, room.mentions.value];
  const standing = here ? 'room-link-on' : unread > 0 && 'room-link-unread';
  const talking = room.call.value?.participants.length ?? 0;
  return html`<a
    href="#/r/${room.id}"
    class=${cls('room-link', standing, archived && 'room-link-archived')}
    aria-current=${here ? 'page' : undefined}
    data-testid="room-link"
    data-room=${room.id}
    data-name=${name}
    data-unread=${unread}
    data-mentions=${mentions}
    onClick=${() => (drawer.value = false)}
  >
    <${Icon} name=${settings.isPublic ? 'hash' : 'lock'} />
    <span class="room-link-name">${name}</span>
    ${
      talking > 0 &&
      html`<span class="room-link-call" title="${talking} in the call"><${Icon} name="mic" />${talking}</span>`
    }
    ${
      mentions > 0
        ? html`<span class="badge badge-mention" aria-label="${mentions} mentions">${capped(mentions)}</span>`
        : unread > 0 && html`<span class="badge" aria-label="${unread} unread">${capped(unread)}</span>`
    }
  </a>`;
}

const capped = (count) => (count > 99 ? '99+' : count);
