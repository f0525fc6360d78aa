// What a dialog is about, one thing at a time.
import { cls, html } from './html.js';

/** `tabs` names each by its key; `choose(key)` is told which one is wanted. */
export function Tabs({ label, tabs, chosen, choose, testid }) {
  return html`<div class="tabs" role="tablist" aria-label=${label}>
    ${Object.entries(tabs).map(
      ([key, words]) =>
        html`<button
          key=${key}
          type="button"
          role="tab"
          class=${cls('tab', key === chosen && 'tab-on')}
          aria-selected=${key === chosen}
          data-testid="${testid}-${key}"
          onClick=${() => choose(key)}
        >
          ${words}
        </button>`,
    )}
  </div>`;
}
