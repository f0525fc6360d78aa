// The head of a room: its name and topic, and the ways to its panels.
import { copy, leaveRoom } from './actions.js';
import { startCall } from './call.js';
import { cls, html } from './html.js';
import { Icon } from './icons.js';
import { MenuButton } from './overlay.js';
import { Pill } from './pill.js';
import { dialogOpen, drawer, me, panel, panelToggle, totalUnread } from './state.js';

export function Header({ room }) {
  const view = room?.view.value;
  return html`<header class="head">
    <${DrawerButton} />
    ${
      view &&
      html`<div class="head-title">
        <h1 data-testid="room-name">${view.name}${view.archived && html` <span class="tag">closed</span>`}</h1>
        ${view.description && html`<p title=${view.description}>${view.description}</p>`}
      </div>`
    }
    <${Pill} />
    ${room && html`<${Tools} room=${room} />`}
  </header>`;
}

function DrawerButton() {
  const unread = totalUnread.value;
  return html`<button
    type="button"
    class="icon-button drawer-button"
    aria-label="Rooms${unread ? `, ${unread} unread` : ''}"
    aria-expanded=${drawer.value}
    data-testid="open-drawer"
    onClick=${() => (drawer.value = true)}
  >
    <${Icon} name="menu" />${unread > 0 && html`<span class="drawer-unread" aria-hidden="true"></span>`}
  </button>`;
}

function Tools({ room }) {
  const online = [...room.presence.value.values()].filter(({ status }) => status !== 'offline').length;
  const here = room.view.value.members;
  const calling = room.call.value;
  return html`<div class="head-tools" role="toolbar" aria-label="This room">
    ${
      !calling &&
      !room.archived.value &&
      html`<button
        type="button"
        class="icon-button"
        aria-label="Start a call"
        title="Start a call"
        data-testid="call-start"
        onClick=${() => startCall(room)}
      >
        <${Icon} name="phone" />
      </button>`
    }
    <${PanelButton} name="search" label="Search" />
    <${PanelButton} name="pins" label="Pinned messages" icon="pin" />
    <${PanelButton}
      name="members"
      label="Members, ${online} of ${here.size} here"
      icon="people"
      text=${html`<span class="head-count">${here.size}</span>`}
    />
    <${More} room=${room} />
  </div>`;
}

function PanelButton({ name, label, icon, text }) {
  const on = panel.value?.name === name;
  return html`<button
    type="button"
    class=${cls('icon-button', on && 'icon-button-on')}
    aria-label=${label}
    title=${label}
    aria-pressed=${on}
    data-testid="panel-${name}"
    onClick=${() => panelToggle(name)}
  >
    <${Icon} name=${icon ?? name} />${text}
  </button>`;
}

function More({ room }) {
  const { code } = room.view.value;
  const owner = room.role.value === 'owner';
  const items = [
    {
      label: room.moderates.value ? 'Room settings' : 'About this room',
      icon: 'gear',
      testid: 'open-room-settings',
      onSelect: () => dialogOpen('room', { room }),
    },
    { label: 'Calls so far', icon: 'phone', testid: 'open-calls', onSelect: () => panelToggle('calls') },
    code && { label: 'Copy the code', hint: code, icon: 'copy', onSelect: () => copy(code, 'The code') },
    {
      label: 'Leave this room',
      icon: 'leave',
      danger: true,
      testid: 'leave-room',
      hint: owner ? 'Hand it over first: the owner can’t just go' : undefined,
      onSelect: () =>
        dialogOpen('confirm', {
          title: `Leave ${room.view.value.name}?`,
          text: 'You will not see what is written there any more, until you join again.',
          action: 'Leave',
          run: () => leaveRoom(room),
        }),
    },
  ];
  return me.value && html`<${MenuButton} label="More about this room" icon="more" items=${items} testid="room-menu" />`;
}
