// One's own settings: the name, the devices, where one is signed in, and the end of the account.
import { useEffect, useState } from 'preact/hooks';
import { client } from './client.js';
import { Devices } from './devices.js';
import { Field, Form } from './form.js';
import { html } from './html.js';
import { Dialog } from './overlay.js';
import { learn } from './people.js';
import { dialogClose, dialogOpen, me } from './state.js';
import { Tabs } from './tabs.js';
import { ago } from './time.js';
import { complain, toast, told } from './toasts.js';

const TABS = { profile: 'Profile', devices: 'Devices', signins: 'Sign-ins', keys: 'Keyboard' };
const BODIES = { profile: Profile, devices: Devices, signins: SignIns, keys: Keys };

export function Settings() {
  const [tab, setTab] = useState('profile');
  const Body = BODIES[tab];
  return html`<${Dialog} title="Settings" onClose=${dialogClose} name="dialog-tall" testid="settings">
    <${Tabs} label="Settings" tabs=${TABS} chosen=${tab} choose=${setTab} testid="settings-tab" />
    <${Body} />
  <//>`;
}

function Profile() {
  const { id, username, displayName, guest } = me.value;
  const send = async (values) => {
    const account = await client.rest('PATCH', `/users/${id}`, {
      body: {
        displayName: values.displayName,
        ...(!guest && values.username !== username && { username: values.username }),
      },
    });
    me.value = account;
    learn([account], 'id');
    toast('Stored');
    dialogClose();
  };
  return html`<${Form} send=${send} testid="profile-form">
    ${({ busy, wrong }) => html`
      <${Field}
        label="Shown name"
        name="displayName"
        defaultValue=${displayName ?? ''}
        data-autofocus
        error=${wrong.displayName}
      />
      ${!guest && html`<${Field} label="User name" name="username" defaultValue=${username} error=${wrong.username} />`}
      <div class="form-row">
        <button
          type="button"
          class="button button-quiet-danger"
          data-testid="open-farewell"
          onClick=${() => dialogOpen('farewell')}
        >
          Delete my account…
        </button>
        <button class="button button-main" disabled=${busy} data-testid="profile-save">Save</button>
      </div>
    `}
  <//>`;
}

function SignIns() {
  const [rows, setRows] = useState(null);
  const [failure, setFailure] = useState(null);
  const read = () => client.rest('GET', '/auth/sessions').then((page) => setRows(page.data), setFailure);
  useEffect(() => void read(), []);
  const revoke = (id) => client.rest('DELETE', `/auth/sessions/${id}`).then(read, complain);
  if (failure) return html`<p class="form-error">${told(failure)}</p>`;
  return html`<ul class="rows">
    ${rows?.map(
      ({ id, userAgent, current, lastUsedAt }) =>
        html`<li key=${id} class="row" data-testid="sign-in">
          <span class="row-words">
            ${agent(userAgent)}<small>${current ? 'this one' : `last used ${ago(lastUsedAt)}`}</small>
          </span>
          ${!current && html`<button type="button" class="button" onClick=${() => revoke(id)}>Sign out</button>`}
        </li>`,
    )}
  </ul>`;
}

function agent(userAgent = '') {
  const browser = userAgent
    .match(/(Firefox|Edg|Chrome|Safari)\/\d+/)?.[0]
    .replace('/', ' ')
    .replace('Edg', 'Edge');
  const system = userAgent.match(/Windows|Mac OS X|Android|iPhone|Linux/)?.[0];
  return [browser, system].filter(Boolean).join(', ') || 'An unknown client';
}

const SHORTCUTS = [
  ['Ctrl K', 'Go to a room'],
  ['Enter', 'Send'],
  ['Shift Enter', 'New line'],
  ['↑', 'Edit the last message, where nothing is written yet'],
  ['@', 'Mention somebody'],
  ['↑ ↓', 'From message to message, when the timeline has the focus'],
  ['Ctrl Shift F', 'Search'],
  ['Ctrl Shift M', 'Mute oneself in the call'],
  ['Esc', 'Close what is open'],
];

function Keys() {
  return html`<dl class="facts keys">
    ${SHORTCUTS.map(
      ([keys, what]) =>
        html`<div key=${what}>
          <dt>${keys.split(' ').map((key) => html`<kbd key=${key}>${key}</kbd>`)}</dt>
          <dd>${what}</dd>
        </div>`,
    )}
  </dl>`;
}
