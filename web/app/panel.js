// The right side: members, a thread, search, pins or calls. On a narrow screen it slides over the timeline.
import { useEffect, useRef } from 'preact/hooks';
import { CallHistory } from './call_history.js';
import { html } from './html.js';
import { Icon } from './icons.js';
import { Members } from './members.js';
import { Pins } from './pins.js';
import { Search } from './search.js';
import { panel } from './state.js';
import { Thread } from './thread.js';

const PANELS = {
  members: ['Members', Members],
  thread: ['Thread', Thread],
  search: ['Search', Search],
  pins: ['Pinned messages', Pins],
  calls: ['Calls so far', CallHistory],
};

export function Panel({ room }) {
  const shown = panel.value;
  const box = useRef(null);
  useEffect(() => {
    if (shown && !box.current?.contains(document.activeElement)) {
      (box.current?.querySelector('[data-autofocus]') ?? box.current?.querySelector('.panel-head button'))?.focus();
    }
  }, [shown?.name, shown?.root]);
  if (!shown || !room) return null;
  const [title, Body] = PANELS[shown.name];
  return html`<aside ref=${box} class="panel" aria-label=${title} data-testid="panel" data-name=${shown.name}>
    <header class="panel-head">
      <h2>${title}</h2>
      <button
        type="button"
        class="icon-button"
        aria-label="Close"
        title="Close (Esc)"
        data-testid="panel-close"
        onClick=${() => (panel.value = null)}
      >
        <${Icon} name="close" />
      </button>
    </header>
    <${Body} key=${shown.root ?? room.id} room=${room} ...${shown} />
  </aside>`;
}
