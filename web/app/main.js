// The page: the door, or the rooms with what lies over them.
import { render } from 'preact';
import { CallBar } from './call.js';
import { Composer } from './composer.js';
import { Confirm } from './confirm.js';
import { Farewell } from './farewell.js';
import { Header } from './header.js';
import { html, cls } from './html.js';
import { Panel } from './panel.js';
import { RoomDialog } from './room_dialog.js';
import { RoomsDialog } from './rooms_dialog.js';
import { followAddress } from './route.js';
import { Settings } from './settings.js';
import { listenToKeys } from './shortcuts.js';
import { Sidebar } from './sidebar.js';
import { SignIn } from './signin.js';
import { connection, dialog, dialogOpen, drawer, me, openRoom, panel, roomsLoaded } from './state.js';
import { Switcher } from './switcher.js';
import { start } from './sync.js';
import './theme.js';
import { Timeline } from './timeline.js';
import { Toasts } from './toasts.js';
import { TypingLine } from './typing_line.js';

const DIALOGS = {
  switcher: Switcher,
  rooms: RoomsDialog,
  room: RoomDialog,
  settings: Settings,
  farewell: Farewell,
  confirm: Confirm,
};

function App() {
  const Shown = me.value === undefined ? Splash : me.value ? Shell : SignIn;
  return html`<${Shown} /><${Toasts} />`;
}

const Splash = () =>
  html`<main class="splash" aria-busy="true"><img src="/app/icon.svg" alt="Voxlog" width="56" height="56" /></main>`;

function Shell() {
  const room = openRoom.value;
  const { name, ...more } = dialog.value ?? {};
  const Shown = DIALOGS[name];
  return html`<div class=${cls('shell', panel.value && room && 'shell-panel')} data-testid="shell">
      <${Sidebar} />
      ${drawer.value && html`<div class="veil" onClick=${() => (drawer.value = false)}></div>`}
      ${room ? html`<${RoomPane} key=${room.id} room=${room} />` : html`<${NoRoom} />`}
      <${Panel} room=${room} />
    </div>
    ${Shown && html`<${Shown} key=${name + (more.title ?? '')} ...${more} />`}`;
}

function RoomPane({ room }) {
  return html`<main class="pane" data-testid="room" data-room=${room.id} data-live=${room.live.value}>
    <${Header} room=${room} />
    <${Ended} />
    <${CallBar} room=${room} />
    <${Timeline} room=${room} messages=${room.messages} />
    <${TypingLine} room=${room} />
    <${Composer} room=${room} messages=${room.messages} />
  </main>`;
}

/** A connection that does not come back by itself: taken over by another page, or the sign-in was revoked. */
function Ended() {
  const { state, reason } = connection.value;
  if (state !== 'ended') return null;
  return html`<p class="banner" role="alert" data-testid="ended">
    <span>This page is not connected any more${reason && `: ${String(reason).replaceAll('_', ' ')}`}.</span>
    <button type="button" class="button" onClick=${() => location.reload()}>Connect again</button>
  </p>`;
}

function NoRoom() {
  return html`<main class="pane">
    <${Header} />
    <div class="nowhere">
      <h2>${roomsLoaded.value ? 'No room is open' : 'Reading your rooms…'}</h2>
      ${
        roomsLoaded.value &&
        html`<p>Open one at the left, or look for one.</p>
          <div class="form-row">
            <button type="button" class="button" onClick=${() => dialogOpen('rooms', { tab: 'browse' })}>
              Public rooms
            </button>
            <button type="button" class="button button-main" onClick=${() => dialogOpen('rooms')}>New room</button>
          </div>`
      }
    </div>
  </main>`;
}

render(html`<${App} />`, document.body);
followAddress();
listenToKeys();
void start();
