// The calls that a room has had: when, how long, who was in.
import { useEffect, useState } from 'preact/hooks';
import { Avatar } from './avatar.js';
import { client } from './client.js';
import { html } from './html.js';
import { nameOf } from './people.js';
import { clock, day, duration } from './time.js';
import { told } from './toasts.js';

export function CallHistory({ room }) {
  const [calls, setCalls] = useState(null);
  const [failure, setFailure] = useState(null);
  const running = room.call.value?.callId;
  useEffect(() => {
    client
      .rest('GET', `/rooms/${room.id}/calls`, { query: { limit: 30 } })
      .then((page) => setCalls(page.data), setFailure);
  }, [room, running]);
  return html`<div class="panel-body" data-testid="calls" data-count=${calls?.length ?? ''}>
    ${failure && html`<p class="form-error">${told(failure)}</p>`}
    ${calls?.length === 0 && html`<p class="quiet">There was no call here yet.</p>`}
    <ul class="calls">
      ${calls?.map((call) => html`<${PastCall} key=${call.callId} ...${call} />`)}
    </ul>
  </div>`;
}

function PastCall({ startedAt, endedAt, durationS, startedBy, participants }) {
  const who = [...new Set(participants.map(({ userId }) => userId))];
  return html`<li class="past-call" data-testid="past-call">
    <div class="past-call-head">
      <strong>${day(startedAt)}, ${clock(startedAt)}</strong>
      <span class="quiet">${endedAt ? duration(durationS) : 'running'}</span>
    </div>
    <p class="quiet">Begun by ${nameOf(startedBy)}</p>
    <div class="faces" aria-label=${who.map(nameOf).join(', ')} title=${who.map(nameOf).join(', ')}>
      ${who.map((id) => html`<${Avatar} key=${id} id=${id} size="s" />`)}
    </div>
  </li>`;
}
