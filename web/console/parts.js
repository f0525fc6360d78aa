// What all tabs are made of.
import { useEffect, useState } from 'preact/hooks';
import { html } from '/app/html.js';
import { short } from './format.js';
import { nameOf } from './names.js';

/** Somebody by name, with the id at hand. */
export function Who({ id }) {
  if (!id) return html`<span class="faint">nobody</span>`;
  const name = nameOf(id).value;
  return html`<span class="who" title=${id}>${name ?? short(id)}</span>`;
}

/** A fault, told where it matters. */
export function Fault({ error }) {
  if (!error) return null;
  return html`<p class="fault" role="alert" data-testid="fault">${error.detail ?? error.message}</p>`;
}

/** Asks again and again, and gives `[value, error, again]`. */
export function usePolled(ask, everyMs, inputs = []) {
  const [state, setState] = useState({});
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const gone = new AbortController();
    let timer;
    const look = async () => {
      try {
        const value = await ask(gone.signal);
        if (!gone.signal.aborted) setState({ value });
      } catch (error) {
        if (!gone.signal.aborted) setState((before) => ({ ...before, error }));
      }
      if (!gone.signal.aborted) timer = setTimeout(look, everyMs);
    };
    look();
    return () => {
      gone.abort();
      clearTimeout(timer);
    };
  }, [turn, ...inputs]);
  return [state.value, state.error, () => setTurn((turn) => turn + 1)];
}

/** A table with a caption for those who can't see where it stands. */
export function Table({ caption, heads, children, testid }) {
  return html`<div class="table-box" tabindex="0" role="region" aria-label=${caption}>
    <table data-testid=${testid}>
      <caption class="hidden">${caption}</caption>
      <thead>
        <tr>${heads.map((head) => html`<th scope="col" class=${head.number ? 'number' : ''}>${head.label ?? head}</th>`)}</tr>
      </thead>
      <tbody>${children}</tbody>
    </table>
  </div>`;
}

/** JSON to read and to copy. */
export const Json = ({ value, testid }) => html`<pre class="json" tabindex="0" data-testid=${testid}>${JSON.stringify(value, null, 2)}</pre>`;
