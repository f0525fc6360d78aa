// The log as it grows: the newest on top, filters, one event opened beside the list.
import { useEffect, useRef, useState } from 'preact/hooks';
import { cls, html } from '/app/html.js';
import { client, pause, read } from './api.js';
import { Detail } from './event_detail.js';
import { clock, count, moment, shortType } from './format.js';
import { Fault, Who } from './parts.js';

/** Rows that a page keeps; older ones can be had again. */
const KEPT = 1000;
/** How long the server waits for something new. */
const WAIT_MS = 15_000;
const TYPES = ['room', 'member', 'invite', 'message', 'message.posted', 'message.edited', 'message.deleted', 'reaction', 'call', 'user', 'session', 'read'];

/** As the server takes them; nothing means all. */
const TYPE = /^([A-Za-z0-9]+(\.[A-Za-z0-9]+)*)?$/;
const ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The id that somebody typed, or that of the one who is called so; `undefined` when there is none. */
function idOf(text, found) {
  if (!text || ID.test(text)) return text;
  const called = ({ name, username, displayName }) => [name, username, displayName].some((each) => each?.toLowerCase() === text.toLowerCase());
  return found.find(called)?.id;
}

const sorted = (filter) => JSON.stringify(filter);
const place = ({ partition, seq }) => `${partition}:${seq}`;

export function Events({ path }) {
  const [filter, setFilter] = useState({});
  const [live, setLive] = useState(true);
  const list = useLog(filter, live);
  const [partition, seq] = path;
  const open = seq && { partition: Number(partition), seq: Number(seq) };
  const show = (row) => {
    location.hash = row ? `#/events/${row.partition}/${row.seq}` : '#/events';
  };
  return html`<${Filters} onChange=${setFilter} />
    <div class="row-line">
      <label class="switch"><input type="checkbox" checked=${live} data-testid="events-live" onChange=${(event) => setLive(event.target.checked)} /> Live</label>
      <span class="soft" role="status" data-testid="events-count">${count(list.rows.length)} events${list.looking ? ' …' : ''}</span>
      <${Fault} error=${list.error} />
    </div>
    <div class=${cls('split', open && 'split-open')}>
      <${Rows} list=${list} open=${open} show=${show} />
      ${open && html`<${Detail} key=${place(open)} place=${open} show=${show} />`}
    </div>`;
}

function Rows({ list, open, show }) {
  const box = useRef();
  const move = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const rows = [...box.current.querySelectorAll('[data-testid="event-row"]')];
    rows[rows.indexOf(document.activeElement) + step]?.focus();
  };
  return html`<div class="events" ref=${box} onKeyDown=${move} data-testid="events">
    ${list.rows.map((row) => html`<${Row} key=${place(row)} row=${row} on=${open && place(open) === place(row)} show=${show} />`)}
    ${!list.rows.length && !list.looking && html`<p class="soft empty" data-testid="events-empty">Nothing like that is in the log.</p>`}
    ${list.older && html`<button class="button" type="button" disabled=${list.looking} data-testid="events-older" onClick=${list.more}>Older</button>`}
  </div>`;
}

function Row({ row, on, show }) {
  const { event } = row;
  return html`<button
    type="button"
    class=${cls('event', `class-${row.class}`, on && 'event-on')}
    aria-pressed=${Boolean(on)}
    data-testid="event-row"
    data-partition=${row.partition}
    data-seq=${row.seq}
    data-type=${event?.type ?? ''}
    onClick=${() => show(on ? null : row)}
  >
    <time datetime=${row.time} title=${moment(row.time)}>${clock(row.time)}</time>
    <span class="place">${place(row)}</span>
    <span class="type">${shortType(event?.type)}</span>
    <${Who} id=${event?.actor} />
    <span class="gist">${gist(event, row.text)}</span>
  </button>`;
}

/** What an event is about, in a few words. */
function gist(event, text) {
  if (!event) return text ?? '';
  const { content, name, emoji, reason, username, note } = event.data ?? {};
  return [content, name, emoji, reason, username, note].filter((word) => typeof word === 'string' && word).join(' · ').slice(0, 200);
}

function Filters({ onChange }) {
  const [found, setFound] = useState({ rooms: [], users: [] });
  const form = useRef();
  const timer = useRef();
  const known = useRef({ rooms: [], users: [] });
  const change = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      const { room, type, actor, from, to } = Object.fromEntries(new FormData(form.current));
      const time = (text) => (text ? new Date(text).toISOString() : '');
      const wanted = { room: idOf(room, known.current.rooms), type: TYPE.test(type) ? type : undefined, actor: idOf(actor, known.current.users) };
      // What is half typed, or nobody's name, waits.
      const unclear = Object.keys(wanted).filter((name) => wanted[name] === undefined);
      for (const name of Object.keys(wanted)) form.current.elements[name].ariaInvalid = String(unclear.includes(name));
      if (!unclear.length) onChange({ ...wanted, from: time(from), to: time(to) });
    }, 300);
  };
  const find = async (kind, query) => {
    // An id is what was chosen from the list; it needs no search.
    if (query.length < 2 || query.length > 30) return;
    const path = kind === 'rooms' ? '/console/rooms' : '/users';
    const { data } = await client.rest('GET', path, { query: { query, limit: 10 } }).catch(() => ({ data: [] }));
    setFound((before) => ({ ...before, [kind]: data }));
    known.current[kind] = data;
    change();
  };
  return html`<form class="filters" ref=${form} onInput=${change} onReset=${change} onSubmit=${(event) => event.preventDefault()} aria-label="Which events">
    <label>Room<input name="room" list="rooms" placeholder="name or id" data-testid="filter-room" onInput=${(event) => find('rooms', event.target.value)} /></label>
    <datalist id="rooms">${found.rooms.map(({ id, name }) => html`<option value=${id}>${name}</option>`)}</datalist>
    <label>Type<input name="type" list="types" placeholder="message.posted" data-testid="filter-type" /></label>
    <datalist id="types">${TYPES.map((type) => html`<option value=${type}></option>`)}</datalist>
    <label>Actor<input name="actor" list="actors" placeholder="name or id" data-testid="filter-actor" onInput=${(event) => find('users', event.target.value)} /></label>
    <datalist id="actors">${found.users.map(({ id, username, displayName }) => html`<option value=${id}>${displayName ?? username}</option>`)}</datalist>
    <label>From<input name="from" type="datetime-local" step="1" data-testid="filter-from" /></label>
    <label>To<input name="to" type="datetime-local" step="1" data-testid="filter-to" /></label>
    <button class="button" type="reset" data-testid="filter-reset">All</button>
  </form>`;
}

const NOTHING = { rows: [], older: null, newer: null, looking: true, error: null };

/** The rows for a filter: the newest page, older ones at wish, and while it is live what comes. */
function useLog(filter, live) {
  const [state, setState] = useState(NOTHING);
  const key = sorted(filter);
  const current = useRef();
  current.current = state;

  useEffect(() => {
    const gone = new AbortController();
    setState(NOTHING);
    back(filter, {}, gone.signal, setState);
    return () => gone.abort();
  }, [key]);

  const ready = Boolean(state.newer);
  useEffect(() => {
    if (!live || !ready || filter.to) return undefined;
    const gone = new AbortController();
    tail(filter, current, gone.signal, setState);
    return () => gone.abort();
  }, [key, live, ready]);

  const more = () => {
    setState((before) => ({ ...before, looking: true }));
    back(filter, { before: state.older }, undefined, setState);
  };
  return { ...state, more };
}

/** Goes back until there is something to show, or nothing is left: a look may find nothing and go on. */
async function back(filter, query, gone, setState) {
  try {
    for (let looks = 0; looks < 20; looks += 1) {
      const page = await read('/events', { ...filter, ...query, limit: 100 }, gone);
      if (gone?.aborted) return;
      setState(({ rows, newer }) => ({ rows: [...rows, ...page.data], older: page.older, newer: newer ?? page.newer, looking: false, error: null }));
      if (page.data.length || !page.older) return;
      query = { before: page.older };
    }
  } catch (error) {
    if (!gone?.aborted) setState((before) => ({ ...before, looking: false, error }));
  }
}

async function tail(filter, current, gone, setState) {
  let after = current.current.newer;
  while (!gone.aborted) {
    try {
      const page = await read('/events', { ...filter, after, waitMs: WAIT_MS, limit: 100 }, gone);
      if (gone.aborted) return;
      after = page.newer;
      const fresh = page.data.reverse();
      setState((before) => ({ ...before, rows: [...fresh, ...before.rows].slice(0, KEPT), newer: page.newer, error: null }));
    } catch (error) {
      if (gone.aborted) return;
      setState((before) => ({ ...before, error }));
      await pause(error.retryAfterMs ?? 2000, gone);
    }
  }
}
