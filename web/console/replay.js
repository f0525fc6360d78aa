// A room's history to drag through: the state at each of its events, and what each of them changed.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { cls, html } from '/app/html.js';
import { client, read } from './api.js';
import { changes } from './diff.js';
import { count, moment, shortType } from './format.js';
import { Fault, Who } from './parts.js';

/** Messages that are shown with a moment. */
const MESSAGES = 20;
/** Milliseconds between two steps while it plays at 1×. */
const BEAT_MS = 1000;
/** Further than an arrow, with Page Up and Page Down. */
const LEAP = 10;

export function Replay({ path: [room, seq] }) {
  return html`<${Rooms} chosen=${room} />${room ? html`<${History} key=${room} room=${room} from=${Number(seq) || null} />` : html`<p class="soft empty">Choose a room. Its whole history is in the log, archived or not.</p>`}`;
}

function Rooms({ chosen }) {
  const [rooms, setRooms] = useState([]);
  const [query, setQuery] = useState('');
  const [error, setError] = useState(null);
  useEffect(() => {
    const gone = new AbortController();
    read('/rooms', { query, limit: 30 }, gone.signal).then(
      ({ data }) => !gone.signal.aborted && (setRooms(data), setError(null)),
      (refused) => !gone.signal.aborted && setError(refused),
    );
    return () => gone.abort();
  }, [query]);
  return html`<div class="rooms">
    <label>Room<input type="search" value=${query} placeholder="name, code or id" data-testid="replay-search" onInput=${(event) => setQuery(event.target.value.trim())} /></label>
    <ul>
      ${rooms.map(
        ({ id, name, settings, archivedAt, memberCount }) => html`<li key=${id}>
          <a class=${cls('chip', id === chosen && 'chip-on')} href="#/replay/${id}" aria-current=${id === chosen ? 'true' : undefined} data-testid="replay-room" data-room=${id}>
            ${name} <span class="soft">${count(memberCount)}${settings.isPublic ? '' : ' · private'}${archivedAt ? ' · archived' : ''}</span>
          </a>
        </li>`,
      )}
    </ul>
    <${Fault} error=${error} />
  </div>`;
}

function History({ room, from }) {
  const { steps, more, older, error } = useSteps(room);
  const [index, setIndex] = useState(null);
  const moments = useMoments(room);
  const last = steps.length - 1;
  // At first the moment that the address names, else the present.
  const at = index ?? (from ? nearest(steps, from) : last);
  const play = usePlay(at, last, setIndex);
  const step = steps[at];
  const now = moments.at(step?.seq);
  const before = moments.at(steps[at - 1]?.seq);
  useEffect(() => {
    moments.want([step?.seq, steps[at - 1]?.seq, steps[at + 1]?.seq]);
  }, [step?.seq, steps.length]);
  const go = (to) => {
    play.stop();
    setIndex(Math.max(0, Math.min(last, to)));
  };
  const press = (event) => {
    if (event.target.matches('input[type=number], input[type=search]')) return;
    const leap = { ArrowLeft: -1, ArrowRight: 1, PageUp: -LEAP, PageDown: LEAP, Home: -Infinity, End: Infinity }[event.key];
    if (leap) go(at + leap);
    else if (event.key === ' ' && event.target.type !== 'button') play.toggle();
    else return;
    event.preventDefault();
  };
  if (!steps.length) return html`<${Fault} error=${error} />`;
  return html`<section class="replay" aria-label="History" onKeyDown=${press}>
    <div class="slider">
      <input
        type="range"
        min="0"
        max=${last}
        value=${at}
        aria-label="Place in the history"
        aria-valuetext="event ${at + 1} of ${steps.length}, ${shortType(step.type)}"
        data-testid="replay-slider"
        data-seqs=${steps.map(({ seq }) => seq).join(' ')}
        onInput=${(event) => go(Number(event.target.value))}
      />
      <div class="row-line">
        ${more && html`<button class="button" type="button" data-testid="replay-older" onClick=${() => older().then((added) => setIndex(at + added))}>Further back</button>`}
        <button class="button" type="button" aria-label="One back" disabled=${at === 0} data-testid="replay-back" onClick=${() => go(at - 1)}>◀</button>
        <button class="button button-main" type="button" data-testid="replay-play" aria-pressed=${play.on} onClick=${play.toggle}>${play.on ? 'Pause' : 'Play'}</button>
        <button class="button" type="button" aria-label="One on" disabled=${at === last} data-testid="replay-on" onClick=${() => go(at + 1)}>▶</button>
        <label class="switch"><input type="checkbox" checked=${play.fast} data-testid="replay-fast" onChange=${play.turn} /> 10×</label>
        <label>seq <${SeqField} steps=${steps} step=${step} go=${go} /></label>
        <span class="soft" data-testid="replay-place">event ${count(at + 1)} of ${count(steps.length)}${more ? '+' : ''} · ${moment(step.time)}</span>
      </div>
    </div>
    <${Fault} error=${error ?? now?.error} />
    <div class="replay-body">
      <${Changed} step=${step} now=${now?.state} before=${at > 0 ? before?.state : undefined} first=${at === 0 && !more} />
      ${now?.state && html`<${Then} past=${now.state} seq=${step.seq} />`}
    </div>
  </section>`;
}

/** A seq to type, or to be set by whoever knows one. */
function SeqField({ steps, step, go }) {
  const set = (event) => go(nearest(steps, Number(event.target.value)));
  return html`<input type="number" class="seq" min="0" value=${step.seq} data-testid="replay-seq" onChange=${set} />`;
}

/** The last step at or before a seq. */
function nearest(steps, seq) {
  const after = steps.findIndex((step) => step.seq > seq);
  return Math.max(0, (after < 0 ? steps.length : after) - 1);
}

function Changed({ step, now, before, first }) {
  const found = useMemo(() => (now && (before || first) ? changes(before, now) : null), [now, before, first]);
  return html`<section class="card" aria-label="What this event changed" data-testid="replay-diff" data-seq=${step.seq}>
    <h2>${shortType(step.type)} <span class="place">${step.seq}</span></h2>
    <p class="soft">by <${Who} id=${step.actor} /></p>
    ${!found && html`<p class="soft">…</p>`}
    ${found && !found.length && html`<p class="soft">It changed nothing that is shown here.</p>`}
    ${found &&
    html`<ul class="changes">
      ${found.map(
        ({ path, was, is }) => html`<li key=${path} class=${was === undefined ? 'added' : is === undefined ? 'removed' : 'changed'}>
          <span class="mono">${path}</span>${was !== undefined && html`<del>${told(was)}</del>`}${is !== undefined && html`<ins>${told(is)}</ins>`}
        </li>`,
      )}
    </ul>`}
  </section>`;
}

/** A value in a line. Of an object, what it has. */
function told(value) {
  if (value === null || typeof value !== 'object') return String(value).slice(0, 300);
  const has = Object.entries(value).filter(([, part]) => part !== null && part !== false && part !== '' && !(Array.isArray(part) && !part.length));
  const parts = has.map(([name, part]) => `${name}: ${typeof part === 'object' ? JSON.stringify(part) : part}`);
  return parts.join(' · ').slice(0, 400) || JSON.stringify(value);
}

function Then({ past, seq }) {
  const { state, messages, heads, call } = past;
  const settings = Object.entries(state.settings ?? {});
  return html`<section class="card" aria-label="The room then">
      <h2 data-testid="replay-name">${state.name}</h2>
      <p class="soft">${state.description}${state.archived ? ' · archived' : ''} · ctl ${heads.ctl} · msg ${heads.msg} · call ${heads.call}</p>
      <h3>Members <span class="soft">${count(state.members.length)} of ${count(state.maxUsers)}</span></h3>
      <ul class="people" data-testid="replay-members">
        ${state.members.map(({ userId, role }) => html`<li key=${userId}><${Who} id=${userId} /> <span class="tag">${role}</span></li>`)}
      </ul>
      ${call && html`<h3>In the call <span class="soft">since ${moment(call.startedAt)}</span></h3>
        <ul class="people" data-testid="replay-call">
          ${call.participants.map(({ session, userId, muted, screen }) => html`<li key=${session}><${Who} id=${userId} />${muted && html` <span class="tag">muted</span>`}${screen && html` <span class="tag">shows a screen</span>`}</li>`)}
        </ul>`}
      <h3>Settings</h3>
      <dl class="facts">${settings.map(([name, value]) => html`<dt>${name}</dt><dd>${String(value)}</dd>`)}</dl>
      <h3>Last messages</h3>
      <ul class="said" data-testid="replay-messages">
        ${messages.map(
          (message) => html`<li key=${message.id} class=${message.deletedAt ? 'gone' : ''}>
            <span class="place">${message.seq}</span> <${Who} id=${message.authorId} />
            <span>${message.deletedAt ? 'deleted' : message.content}</span>
            ${message.editedAt && html`<span class="tag">edited</span>`}${message.pinned && html`<span class="tag">pinned</span>`}
            ${message.reactions.map(({ emoji, count }) => html`<span class="tag">${emoji} ${count}</span>`)}
          </li>`,
        )}
      </ul>
    </section>
    <details class="card">
      <summary>As JSON</summary>
      <p class="soft mono">GET /rooms/{id}/state?at=${seq}&messages=${MESSAGES}</p>
      <pre class="json" tabindex="0" data-testid="replay-state" data-seq=${seq} data-messages=${MESSAGES}>${JSON.stringify(past, null, 2)}</pre>
    </details>`;
}

/** The steps that are loaded, oldest first, and further ones at wish. */
function useSteps(room) {
  const [state, setState] = useState({ steps: [], next: null, error: null });
  const load = async (before) => {
    try {
      const page = await read(`/rooms/${room}/timeline`, { before });
      setState(({ steps }) => ({ steps: [...page.data, ...steps], next: page.next, error: null }));
      return page.data.length;
    } catch (error) {
      setState((had) => ({ ...had, error }));
      return 0;
    }
  };
  useEffect(() => {
    load();
  }, [room]);
  return { steps: state.steps, more: Boolean(state.next), older: () => load(state.next), error: state.error };
}

/** The room at seqs, asked for once each. While somebody drags, only where they stop for a moment is asked for. */
function useMoments(room) {
  const [, setTurn] = useState(0);
  const known = useRef(new Map());
  const timer = useRef();
  const ask = async (seq) => {
    if (!seq || known.current.has(seq)) return;
    known.current.set(seq, {});
    let got;
    try {
      got = { state: await client.rest('GET', `/rooms/${room}/state`, { query: { at: seq, messages: MESSAGES } }) };
    } catch (error) {
      got = { error };
    }
    // What failed is asked for again at the next visit.
    if (got.error) known.current.delete(seq);
    else known.current.set(seq, got);
    setTurn((turn) => turn + 1);
  };
  return {
    at: (seq) => known.current.get(seq),
    want: (seqs) => {
      clearTimeout(timer.current);
      timer.current = setTimeout(() => seqs.forEach(ask), 60);
    },
  };
}

function usePlay(at, last, setIndex) {
  const [on, setOn] = useState(false);
  const [fast, setFast] = useState(false);
  useEffect(() => {
    if (!on) return undefined;
    if (at >= last) {
      setOn(false);
      return undefined;
    }
    const timer = setTimeout(() => setIndex(at + 1), fast ? BEAT_MS / 10 : BEAT_MS);
    return () => clearTimeout(timer);
  }, [on, fast, at, last]);
  const toggle = () => {
    // From the end it begins again.
    if (!on && at >= last) setIndex(0);
    setOn(!on);
  };
  return { on, fast, toggle, stop: () => setOn(false), turn: (event) => setFast(event.target.checked) };
}
