// Short words at the edge of the screen: what went wrong, with the server's own detail, and what went well.
import { signal } from '@preact/signals';
import { html, cls } from './html.js';
import { Icon } from './icons.js';

const SHOWN_MS = 6000;
const toasts = signal([]);
let last = 0;

export function toast(text, kind = 'info') {
  const id = ++last;
  toasts.value = [...toasts.value.filter((other) => other.text !== text), { id, text, kind }].slice(-4);
  setTimeout(() => dismiss(id), SHOWN_MS);
}

/** Tells of a failure in the server's words; nothing that the person typed is lost by it. */
export function complain(error, what) {
  if (error?.name === 'AbortError') return;
  toast([what, told(error)].filter(Boolean).join(': '), 'error');
}

/** What a failure says, with the fields that it is about. */
export function told(error) {
  const detail = error?.detail ?? error?.message ?? String(error);
  const fields = (error?.errors ?? []).map(({ field, message }) => `${field} ${message}`);
  if (error?.retryAfterMs) fields.push(`again in ${Math.ceil(error.retryAfterMs / 1000)} s`);
  if (error?.code === 'offline') return 'there is no connection';
  return [...new Set([detail, ...fields])].filter(Boolean).join('; ');
}

function dismiss(id) {
  toasts.value = toasts.value.filter((toasted) => toasted.id !== id);
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map(
      ({ id, text, kind }) =>
        html`<div key=${id} class=${cls('toast', `toast-${kind}`)} data-testid="toast" data-kind=${kind}>
          <span>${text}</span>
          <button class="icon-button" aria-label="Dismiss" onClick=${() => dismiss(id)}>
            <${Icon} name="close" />
          </button>
        </div>`,
    )}
  </div>`;
}
