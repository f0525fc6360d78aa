// A small choice of emoji behind a button.
import { useState } from 'preact/hooks';
import { emojiName, found } from './emoji.js';
import { html } from './html.js';
import { PopoverButton } from './overlay.js';

export function EmojiButton({ label, onPick, testid }) {
  return html`<${PopoverButton} label=${label} icon="smile" popover="picker" testid=${testid ?? 'open-emoji'}>
    ${(close) =>
      html`<${Picker}
        onPick=${(emoji) => {
          close();
          onPick(emoji);
        }}
      />`}
  <//>`;
}

function Picker({ onPick }) {
  const [query, setQuery] = useState('');
  const choice = found(query);
  return html`<input
      type="search"
      class="picker-search"
      placeholder="Find"
      aria-label="Find an emoji"
      data-autofocus
      value=${query}
      onInput=${(event) => setQuery(event.currentTarget.value)}
      onKeyDown=${(event) => event.key === 'Enter' && choice.length && onPick(choice[0][0])}
    />
    <div class="picker-grid" data-testid="emoji-picker">
      ${choice.map(
        ([emoji]) =>
          html`<button
            key=${emoji}
            type="button"
            class="emoji-button"
            aria-label=${emojiName(emoji)}
            data-emoji=${emoji}
            onClick=${() => onPick(emoji)}
          >
            ${emoji}
          </button>`,
      )}
      ${!choice.length && html`<p class="quiet">Nothing of that name.</p>`}
    </div>`;
}
