// New rooms: make one, join one by its code, or look at those that are public.
import { useEffect, useState } from 'preact/hooks';
import { createRoom, joinRoom } from './actions.js';
import { client } from './client.js';
import { Check, Field, Form } from './form.js';
import { html } from './html.js';
import { Dialog } from './overlay.js';
import { goto } from './route.js';
import { dialogClose, me, rooms } from './state.js';
import { Tabs } from './tabs.js';
import { complain } from './toasts.js';

const TABS = { create: 'New room', join: 'Join by code', browse: 'Public rooms' };

export function RoomsDialog({ tab: first }) {
  const [tab, setTab] = useState(first ?? (me.value.guest ? 'browse' : 'create'));
  return html`<${Dialog} title="Rooms" onClose=${dialogClose} name="dialog-tall" testid="rooms-dialog">
    <${Tabs} label="Rooms" tabs=${TABS} chosen=${tab} choose=${setTab} testid="rooms-tab" />
    ${tab === 'create' && html`<${Create} />`} ${tab === 'join' && html`<${Join} />`}
    ${tab === 'browse' && html`<${Browse} />`}
  <//>`;
}

function Create() {
  const send = async ({ name, description, isPublic, allowGuests, requireApproval }) => {
    await createRoom({
      name,
      ...(description && { description }),
      settings: { isPublic, allowGuests, requireApproval },
    });
    dialogClose();
  };
  return html`<${Form} send=${send} testid="create-room-form">
    ${({ busy, wrong }) => html`
      <${Field} label="Name" name="name" data-autofocus error=${wrong.name} />
      <${Field} label="What it is for" name="description" error=${wrong.description} />
      <${Check} name="isPublic" label="Public" hint="Listed, and anybody may join without a code" />
      <${Check} name="allowGuests" label="Guests may join" hint="People without an account" />
      <${Check} name="requireApproval" label="Ask an admin first" hint="Who joins waits until somebody lets them in" />
      <button class="button button-main" disabled=${busy} data-testid="create-room-submit">Make the room</button>
    `}
  <//>`;
}

function Join() {
  const send = async ({ code }) => {
    await joinRoom({ code: code.replace(/\s/g, '').toUpperCase() });
    dialogClose();
  };
  return html`<${Form} send=${send} testid="join-room-form">
    ${({ busy, wrong }) => html`
      <${Field}
        label="Code of a room, or an invite"
        name="code"
        autocomplete="off"
        data-autofocus
        hint="Ten letters and digits, from somebody who is in"
        error=${wrong.code}
      />
      <button class="button button-main" disabled=${busy} data-testid="join-room-submit">Join</button>
    `}
  <//>`;
}

function Browse() {
  const [query, setQuery] = useState('');
  const [page, setPage] = useState(null);
  useEffect(() => {
    let current = true;
    const ask = () =>
      client
        .rest('GET', '/rooms', { query: { limit: 50, ...(query.trim() && { query: query.trim() }) } })
        .then((found) => current && setPage(found), complain);
    const timer = setTimeout(ask, 150);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [query]);
  return html`<input
      type="search"
      class="search-input"
      placeholder="Find a room"
      aria-label="Find a room"
      data-testid="browse-input"
      value=${query}
      onInput=${(event) => setQuery(event.currentTarget.value)}
    />
    ${page?.data.length === 0 && html`<p class="quiet">No public room ${query ? 'of that name' : 'yet'}.</p>`}
    <ul class="browse">
      ${page?.data.map((room) => html`<${Found} key=${room.id} room=${room} />`)}
    </ul>`;
}

function Found({ room }) {
  const [busy, setBusy] = useState(false);
  const inside = rooms.value.has(room.id);
  const enter = async () => {
    if (inside) goto(room.id);
    else {
      setBusy(true);
      const joined = await joinRoom({ room: room.id }).then(() => true, complain);
      setBusy(false);
      if (!joined) return;
    }
    dialogClose();
  };
  return html`<li class="browse-one" data-testid="browse-room" data-room=${room.id}>
    <span class="browse-words">
      <strong>${room.name}</strong>
      <small>${[`${room.memberCount} of ${room.maxUsers}`, room.description].filter(Boolean).join(' · ')}</small>
    </span>
    <button type="button" class="button" disabled=${busy} data-testid="browse-join" onClick=${enter}>
      ${inside ? 'Open' : 'Join'}
    </button>
  </li>`;
}
