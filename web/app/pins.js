// What was pinned in a room, latest first.
import { useEffect, useState } from 'preact/hooks';
import { client } from './client.js';
import { html } from './html.js';
import { quoted } from './quotes.js';
import { gotoMessage } from './route.js';
import { Hit } from './search.js';
import { told } from './toasts.js';

export function Pins({ room }) {
  const [pins, setPins] = useState(null);
  const [failure, setFailure] = useState(null);
  const shown = room.messages.rows.value.filter(({ pinned }) => pinned);
  const changes = shown.map(({ id }) => id).join();
  useEffect(() => {
    client.rest('GET', `/rooms/${room.id}/pins`).then((page) => setPins(page.data), setFailure);
  }, [room, changes]);
  const rows = (pins ?? []).map(({ messageId }) => quoted(room, messageId)).filter((row) => row && !row.deletedAt);
  const open = (row) => gotoMessage(room.id, row.seq, row.id);
  return html`<div class="panel-body" data-testid="pins" data-count=${pins?.length ?? ''}>
    ${failure && html`<p class="form-error">${told(failure)}</p>`}
    ${pins?.length === 0 && html`<p class="quiet">Nothing is pinned here. Pin what everybody should find again.</p>`}
    <ul class="hits">
      ${rows.map((row) => html`<li key=${row.id}><${Hit} hit=${row} onOpen=${open} /></li>`)}
    </ul>
  </div>`;
}
