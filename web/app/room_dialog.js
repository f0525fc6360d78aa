// A room's settings: what everybody may see of them, and what its admins may change.
import { useState } from 'preact/hooks';
import { command, copy } from './actions.js';
import { client } from './client.js';
import { Check, Field, Form } from './form.js';
import { html } from './html.js';
import { Icon } from './icons.js';
import { Dialog } from './overlay.js';
import { Bans, Invites, Requests } from './room_lists.js';
import { dialogClose, dialogOpen } from './state.js';
import { Tabs } from './tabs.js';
import { toast } from './toasts.js';

const TABS = { general: 'General', invites: 'Invites', requests: 'Requests', bans: 'Bans' };
const BODIES = { general: General, invites: Invites, requests: Requests, bans: Bans };

export function RoomDialog({ room, tab: first }) {
  const [tab, setTab] = useState(first ?? 'general');
  const Body = BODIES[tab];
  return html`<${Dialog} title=${room.view.value.name} onClose=${dialogClose} name="dialog-tall" testid="room-dialog">
    ${
      room.moderates.value &&
      html`<${Tabs} label="Settings" tabs=${TABS} chosen=${tab} choose=${setTab} testid="room-tab" />`
    }
    ${room.moderates.value && !room.archived.value ? html`<${Body} room=${room} />` : html`<${About} room=${room} />`}
  <//>`;
}

function Code({ room }) {
  const { code } = room.view.value;
  if (!code) return null;
  return html`<div class="code-row">
    <span>Code<small>Whoever has it may join</small></span>
    <code data-testid="room-code">${code}</code>
    <button
      type="button"
      class="icon-button"
      aria-label="Copy the code"
      title="Copy the code"
      onClick=${() => copy(code, 'The code')}
    >
      <${Icon} name="copy" />
    </button>
    ${
      room.moderates.value &&
      html`<button
        type="button"
        class="icon-button"
        aria-label="Make a new code"
        title="Make a new code: the old one opens nothing any more"
        data-testid="new-code"
        onClick=${() => command('room.code', { room: room.id })}
      >
        <${Icon} name="retry" />
      </button>`
    }
  </div>`;
}

function About({ room }) {
  const { description, settings, maxUsers, members, archived } = room.view.value;
  const facts = [
    archived && 'This room is closed for good.',
    `${members.size} of ${maxUsers} seats are taken.`,
    settings.isPublic ? 'Public: listed, and joinable without a code.' : 'Private: one joins by its code or an invite.',
    settings.recordMessages === false ? 'Messages are not kept.' : 'Messages are kept.',
    settings.slowModeS > 0 && `Slow mode: one message in ${settings.slowModeS} seconds.`,
  ].filter(Boolean);
  return html`${description && html`<p class="dialog-text">${description}</p>`}
    <ul class="facts-list">
      ${facts.map((fact) => html`<li key=${fact}>${fact}</li>`)}
    </ul>
    ${!archived && html`<${Code} room=${room} />`}`;
}

function General({ room }) {
  const { name, description, maxUsers, settings } = room.view.value;
  const send = async (values) => {
    const { name, description, maxUsers, slowModeS, ...flags } = values;
    const settings = { ...flags, slowModeS: slowModeS ?? 0 };
    await client.command('room.update', { room: room.id, name, description, ...(maxUsers && { maxUsers }), settings });
    toast('Stored');
    dialogClose();
  };
  return html`<${Code} room=${room} />
    <${Form} send=${send} testid="room-form">
      ${({ busy, wrong }) => html`
        <${Field} label="Name" name="name" defaultValue=${name} error=${wrong.name} />
        <${Field} label="Topic" name="description" defaultValue=${description} error=${wrong.description} />
        <div class="form-pair">
          <${Field}
            label="Seats"
            name="maxUsers"
            type="number"
            min="2"
            defaultValue=${maxUsers}
            error=${wrong.maxUsers}
          />
          <${Field}
            label="Slow mode, seconds"
            name="slowModeS"
            type="number"
            min="0"
            max="21600"
            defaultValue=${settings.slowModeS}
            error=${wrong.slowModeS}
          />
        </div>
        <${Check}
          name="isPublic"
          label="Public"
          hint="Listed, and joinable without a code"
          defaultChecked=${settings.isPublic}
        />
        <${Check} name="allowGuests" label="Guests may join" defaultChecked=${settings.allowGuests} />
        <${Check} name="requireApproval" label="Ask an admin first" defaultChecked=${settings.requireApproval} />
        <div class="form-row">
          ${room.role.value === 'owner' && html`<${Archive} room=${room} />`}
          <button class="button button-main" disabled=${busy} data-testid="room-save">Save</button>
        </div>
      `}
    <//>`;
}

function Archive({ room }) {
  const ask = () =>
    dialogOpen('confirm', {
      title: `Close ${room.view.value.name} for good?`,
      text: 'Everybody may read on, and nobody writes here any more. This can’t be undone.',
      action: 'Close it',
      run: () => command('room.archive', { room: room.id }),
    });
  return html`<button type="button" class="button button-quiet-danger" data-testid="archive-room" onClick=${ask}>
    Close the room…
  </button>`;
}
