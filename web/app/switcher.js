// Ctrl+K: to a room by a few letters of its name.
import { useState } from 'preact/hooks';
import { cls, html } from './html.js';
import { Icon } from './icons.js';
import { Dialog } from './overlay.js';
import { goto } from './route.js';
import { dialogClose, sortedRooms } from './state.js';

const MOST = 8;

export function Switcher() {
  const [query, setQuery] = useState('');
  const [at, setAt] = useState(0);
  const wanted = query.trim().toLowerCase();
  const found = sortedRooms.value
    .filter((room) => room.view.value.name.toLowerCase().includes(wanted))
    .sort((a, b) => b.unread.value - a.unread.value || begins(b, wanted) - begins(a, wanted))
    .slice(0, MOST);
  const open = (room) => {
    dialogClose();
    if (room) goto(room.id);
  };
  const onKeyDown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) setAt((at + step + found.length) % Math.max(1, found.length));
    else if (event.key === 'Enter') open(found[at]);
    else return;
    event.preventDefault();
  };
  return html`<${Dialog} title="Go to a room" onClose=${dialogClose} name="switcher" testid="switcher">
    <input
      type="search"
      class="search-input"
      placeholder="Name of a room"
      role="combobox"
      aria-label="Name of a room"
      aria-expanded="true"
      aria-controls="switcher-list"
      aria-activedescendant="switcher-${at}"
      data-autofocus
      data-testid="switcher-input"
      value=${query}
      onInput=${(event) => {
        setQuery(event.currentTarget.value);
        setAt(0);
      }}
      onKeyDown=${onKeyDown}
    />
    <ul class="switcher-list" id="switcher-list" role="listbox" aria-label="Rooms">
      ${found.map(
        (room, index) =>
          html`<li
            key=${room.id}
            id="switcher-${index}"
            role="option"
            aria-selected=${index === at}
            class=${cls('switcher-one', index === at && 'offer-on')}
            onClick=${() => open(room)}
          >
            <${Icon} name=${room.view.value.settings.isPublic ? 'hash' : 'lock'} />
            <span>${room.view.value.name}</span>
            ${room.unread.value > 0 && html`<span class="badge">${room.unread.value}</span>`}
          </li>`,
      )}
      ${!found.length && html`<li class="quiet">No room of that name.</li>`}
    </ul>
  <//>`;
}

const begins = (room, wanted) => Number(room.view.value.name.toLowerCase().startsWith(wanted));
