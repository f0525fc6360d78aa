// Oneself: how one is seen, the look of the page, settings, and the way out.
import { Avatar, Dot, STATUS } from './avatar.js';
import { client } from './client.js';
import { html } from './html.js';
import { MenuItems, PopoverButton } from './overlay.js';
import { nameOf } from './people.js';
import { connection, dialogOpen, me, ownStatus } from './state.js';
import { signOut } from './sync.js';
import { theme } from './theme.js';
import { complain } from './toasts.js';

const CHOICES = ['online', 'away', 'dnd', 'invisible'];
const THEMES = { system: 'As the system', light: 'Light', dark: 'Dark' };

export function Own() {
  const { id, username, guest } = me.value;
  const shown = connection.value.state === 'ended' ? 'offline' : ownStatus.value;
  const face = html`<${Avatar} id=${id} status=${shown} />
    <span class="own-words">
      <strong>${nameOf(id)}</strong>
      <small>${guest ? 'Guest' : `@${username}`} · ${STATUS[shown].label}</small>
    </span>`;
  return html`<footer class="own" data-testid="own" data-status=${ownStatus.value} data-user=${id}>
    <${PopoverButton}
      label="You, and how you are seen"
      name="own-button"
      role="menu"
      popover="menu"
      testid="own-menu"
      text=${face}
    >
      ${(close) => html`<${OwnMenu} close=${close} />`}
    <//>
  </footer>`;
}

function OwnMenu({ close }) {
  const statuses = CHOICES.map((status) => ({
    label: STATUS[status].label,
    hint: STATUS[status].hint,
    mark: html`<${Dot} status=${status} />`,
    checked: ownStatus.value === status,
    testid: `status-${status}`,
    onSelect: () => setStatus(status),
  }));
  const themes = Object.entries(THEMES).map(([key, label]) => ({
    label,
    checked: theme.value === key,
    testid: `theme-${key}`,
    onSelect: () => (theme.value = key),
  }));
  const rest = [
    { label: 'Settings', icon: 'gear', testid: 'open-settings', onSelect: () => dialogOpen('settings') },
    me.value?.operator && {
      label: 'Console',
      icon: 'signal',
      testid: 'open-console',
      onSelect: () => location.assign('/console'),
    },
    { label: 'Sign out', icon: 'leave', testid: 'sign-out', onSelect: signOut },
  ];
  return html`<${MenuItems} items=${statuses} close=${close} />
    <div class="menu-title">Look</div>
    <${MenuItems} items=${themes} close=${close} />
    <hr class="menu-line" />
    <${MenuItems} items=${rest} close=${close} />`;
}

function setStatus(status) {
  ownStatus.value = status;
  client.setPresence(status).catch((error) => complain(error, 'Others may not see it yet'));
}
