// One event: what it says, how it was published, what it has to do with.
import { useEffect, useState } from 'preact/hooks';
import { html } from '/app/html.js';
import { read } from './api.js';
import { bytes, clock, moment, shortType } from './format.js';
import { Fault, Json, Who } from './parts.js';

const RELATIONS = { correlation: 'same command', cause: 'cause', effect: 'effect' };

export function Detail({ place, show }) {
  const [event, setEvent] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    read(`/events/${place.partition}/${place.seq}`).then(setEvent, setError);
  }, []);
  const close = (pressed) => pressed.key === 'Escape' && show(null);
  return html`<aside class="detail" aria-label="One event" data-testid="event-detail" data-seq=${place.seq} onKeyDown=${close}>
    <header class="row-line">
      <h2>${event ? shortType(event.event?.type) : '…'} <span class="place">${place.partition}:${place.seq}</span></h2>
      <button class="quiet-button" type="button" aria-label="Close" data-testid="event-close" onClick=${() => show(null)}>✕</button>
    </header>
    <${Fault} error=${error} />
    ${event && html`<${Shown} event=${event} show=${show} />`}
  </aside>`;
}

function Shown({ event, show }) {
  const room = /\.room\.([0-9a-f-]{36})\./.exec(event.subject)?.[1];
  const beside = (seq, label, testid) =>
    html`<button class="button" type="button" disabled=${!seq} data-testid=${testid} onClick=${() => show({ partition: event.partition, seq })}>${label}</button>`;
  return html`<div class="row-line">
      ${beside(event.prev, '← before it in its chain', 'event-prev')} ${beside(event.next, 'after it →', 'event-next')}
      ${room && html`<a class="button" href="#/replay/${room}/${event.seq}" data-testid="event-replay">The room then</a>`}
    </div>
    <dl class="facts">
      <dt>Taken by the log</dt><dd>${moment(event.time)}</dd>
      <dt>Actor</dt><dd><${Who} id=${event.event?.actor} /></dd>
      <dt>Subject</dt><dd class="mono">${event.subject}</dd>
      <dt>Size</dt><dd>${bytes(event.sizeBytes)}</dd>
    </dl>
    <h3>Event</h3>
    <${Json} value=${event.event ?? event.text} testid="event-json" />
    <h3>NATS headers</h3>
    <dl class="facts" data-testid="event-headers">
      ${Object.entries(event.headers).map(([name, value]) => html`<dt>${name}</dt><dd class="mono">${value}</dd>`)}
      ${!Object.keys(event.headers).length && html`<dd class="soft">none</dd>`}
    </dl>
    <h3>Causation</h3>
    <${Related} event=${event} show=${show} />`;
}

function Related({ event, show }) {
  if (!event.related.length) return html`<p class="soft" data-testid="event-related">It came alone of its command.</p>`;
  return html`<ul class="related" data-testid="event-related">
    ${event.related.map(
      (other) => html`<li key=${other.seq}>
        <button type="button" class="link" data-testid="related-row" data-seq=${other.seq} onClick=${() => show(other)}>
          <span class="tag">${RELATIONS[other.relation]}</span> ${clock(other.time)} ${shortType(other.event?.type)} <span class="place">${other.partition}:${other.seq}</span>
        </button>
      </li>`,
    )}
  </ul>`;
}
