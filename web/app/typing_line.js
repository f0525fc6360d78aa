// Who is writing.
import { html } from './html.js';
import { nameOf } from './people.js';
import { me } from './state.js';

export function TypingLine({ room }) {
  const others = room.typing.value.filter((id) => id !== me.value?.id);
  return html`<p class="typing" aria-live="polite" data-testid="typing" data-users=${others.join(' ')}>
    ${others.length > 0 && html`<${Dots} />${words(others.map(nameOf))}`}
  </p>`;
}

const Dots = () => html`<span class="typing-dots" aria-hidden="true"><i /><i /><i /></span>`;

function words(names) {
  if (names.length === 1) return `${names[0]} is writing`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are writing`;
  return names.length === 3
    ? `${names[0]}, ${names[1]} and ${names[2]} are writing`
    : `${names.length} people are writing`;
}
