// The console: a door, and behind it one tab at a time. The address names the tab, so that it can be sent to somebody.
import { effect, signal } from '@preact/signals';
import { render } from 'preact';
import { html } from '/app/html.js';
import { theme } from '/app/theme.js';
import { client, me } from './api.js';
import { Events } from './events.js';
import { Nodes } from './nodes.js';
import { Projections } from './projections.js';
import { Replay } from './replay.js';
import { SignIn, Stranger } from './signin.js';
import { Streams } from './streams.js';

const TABS = { events: ['Events', Events], replay: ['Replay', Replay], projections: ['Projections', Projections], nodes: ['Nodes', Nodes], streams: ['Streams', Streams] };
const THEMES = ['system', 'light', 'dark'];

/** `#/replay/ROOM/SEQ` as `['replay', 'ROOM', 'SEQ']`. */
const route = signal([]);
const follow = () => {
  const parts = location.hash.replace(/^#\/?/, '').split('/').filter(Boolean);
  route.value = Object.hasOwn(TABS, parts[0]) ? parts : ['events'];
};
addEventListener('hashchange', follow);
follow();

effect(() => {
  document.title = `${TABS[route.value[0]][0]} – Voxlog console`;
});

function Console() {
  if (me.value === undefined) return html`<main class="door" aria-busy="true"></main>`;
  if (me.value === null) return html`<${SignIn} />`;
  return me.value.operator ? html`<${Shell} />` : html`<${Stranger} />`;
}

function Shell() {
  const [tab, ...rest] = route.value;
  const [, Tab] = TABS[tab];
  return html`<header class="bar">
      <a class="brand" href="/" title="To the rooms"><img src="/app/icon.svg" alt="" width="24" height="24" />Voxlog</a>
      <nav aria-label="Console" onKeyDown=${walk}>
        ${Object.entries(TABS).map(
          ([key, [label]]) => html`<a href="#/${key}" aria-current=${key === tab ? 'page' : undefined} data-testid="console-tab-${key}">${label}</a>`,
        )}
      </nav>
      <span class="bar-end">
        <button class="quiet-button" type="button" title="Dark or light" data-testid="console-theme" onClick=${turnTheme}>${theme.value}</button>
        <button class="quiet-button" type="button" data-testid="console-signout" onClick=${() => client.logout()}>Sign out ${me.value.username}</button>
      </span>
    </header>
    <main class="tab" data-testid="console-${tab}"><${Tab} key=${tab} path=${rest} /></main>`;
}

/** Arrow keys go from tab to tab, as in other lists of links. */
function walk(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const links = [...event.currentTarget.querySelectorAll('a')];
  links[(links.indexOf(document.activeElement) + step + links.length) % links.length].focus();
}

function turnTheme() {
  theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length];
}

render(html`<${Console} />`, document.body);
client.restore().then(
  (user) => (me.value = user ?? null),
  () => (me.value = null),
);
