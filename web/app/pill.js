// The connection, as a pill: its state, the round trip, the last seq, and how many events came back after a break.
import { useEffect, useState } from 'preact/hooks';
import { client } from './client.js';
import { cls, html } from './html.js';
import { PopoverButton } from './overlay.js';
import { connection } from './state.js';

const WORDS = {
  connecting: 'Connecting',
  online: 'Online',
  'catching-up': 'Catching up',
  offline: 'Offline',
  ended: 'Signed out',
};

/** How long "recovered 12" is the pill's news before it steps back into the details. */
const NEWS_MS = 15_000;

export function Pill() {
  const { state, rttMs, lastSeq, recovered, retryAt } = connection.value;
  const news = useNews(state, recovered);
  const face = html`<span class="pill-dot" aria-hidden="true"></span>
    <span role="status" aria-live="polite">
      ${WORDS[state]}${news && html` · <span class="pill-news">recovered ${recovered}</span>`}
    </span>
    ${state === 'offline' && retryAt && html`<${Countdown} to=${retryAt} />`}
    ${state === 'online' && rttMs != null && html`<span class="pill-figure">${Math.round(rttMs)} ms</span>`}
    ${lastSeq > 0 && html`<span class="pill-figure pill-seq">#${lastSeq}</span>`}`;
  return html`<${PopoverButton}
    name=${cls('pill', `pill-${state}`)}
    label="The connection"
    popover="pill-details"
    testid="pill"
    data-state=${state}
    data-recovered=${recovered ?? ''}
    data-seq=${lastSeq}
    data-rtt=${rttMs == null ? '' : Math.round(rttMs)}
    text=${face}
  >
    ${() => html`<${Details} />`}
  <//>`;
}

function useNews(state, recovered) {
  const [shown, show] = useState(false);
  useEffect(() => {
    if (recovered == null || state !== 'online') return undefined;
    show(true);
    const timer = setTimeout(() => show(false), NEWS_MS);
    return () => clearTimeout(timer);
  }, [state, recovered]);
  return shown && recovered > 0 && state !== 'offline';
}

function Countdown({ to }) {
  const left = () => Math.max(0, Math.ceil((new Date(to) - Date.now()) / 1000));
  const [seconds, set] = useState(left);
  useEffect(() => {
    set(left());
    const timer = setInterval(() => set(left()), 500);
    return () => clearInterval(timer);
  }, [to]);
  return html`<span class="pill-figure">${seconds ? `again in ${seconds} s` : 'trying'}</span>`;
}

function Details() {
  const { state, rttMs, lastSeq, recovered, attempt, reason } = connection.value;
  const rows = [
    ['State', WORDS[state]],
    ['Round trip', rttMs == null ? '–' : `${Math.round(rttMs)} ms`],
    ['Last seq', lastSeq || '–'],
    ['Recovered', recovered == null ? 'nothing was to recover yet' : `${recovered} events after the last break`],
    ['Session', client.session ?? '–'],
    attempt > 0 && ['Attempt', attempt],
    reason && ['Reason', reason],
  ].filter(Boolean);
  return html`<dl class="facts">
      ${rows.map(
        ([name, value]) =>
          html`<div key=${name}>
            <dt>${name}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>
    <p class="quiet">
      Every event of a room carries its seq and the one before it, so this page knows that it misses nothing.
    </p>`;
}
