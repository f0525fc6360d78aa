// A person as a round picture of their letters, with a dot for how they are.
import { cls, html } from './html.js';
import { initials, nameOf, toneOf } from './people.js';

export const STATUS = {
  online: { label: 'Online', hint: 'You are here' },
  away: { label: 'Away', hint: 'Back later' },
  dnd: { label: 'Do not disturb', hint: 'Here, but busy' },
  invisible: { label: 'Invisible', hint: 'Others see you offline' },
  offline: { label: 'Offline' },
};

export const Dot = ({ status }) =>
  html`<span class="dot dot-${status}" role="img" aria-label=${STATUS[status].label} />`;

export function Avatar({ id, size = 'm', status }) {
  return html`<span class=${cls('avatar', `avatar-${size}`, `tone-${toneOf(id)}`)}>
    <span aria-hidden="true">${initials(nameOf(id))}</span>
    ${status && html`<${Dot} status=${status} />`}
  </span>`;
}
