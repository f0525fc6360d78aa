// A room's messages in their order: days, groups, the unread line. It stays at the end while one reads there, and where
// it is while one reads further up, whatever is put in above or below.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { client } from './client.js';
import { cls, html } from './html.js';
import { Icon } from './icons.js';
import { Message, flashed } from './message.js';
import { takeWantedSeq } from './route.js';
import { me, outbox } from './state.js';
import { day } from './time.js';
import { itemsOf } from './timeline_items.js';
import { told } from './toasts.js';

const NEAR_PX = 60;
const AHEAD_PX = 800;
const FLASH_MS = 2200;

export function Timeline({ room, messages, thread }) {
  const scroller = useRef(null);
  const place = useRef({ stick: true });
  const [atBottom, setAtBottom] = useState(true);
  const queued = [...outbox.value.values()].filter((entry) => entry.room === room.id);
  const items = itemsOf(messages.rows.value, queued, {
    thread,
    me: me.value.id,
    unreadFrom: thread ? null : room.unreadFrom.value,
    atEnd: messages.atEnd.value,
  });

  useOpening(room, messages, thread, place, scroller);
  useLayoutEffect(() => settle(scroller.current, place.current));
  useEffect(() => {
    const watch = new ResizeObserver(() => settle(scroller.current, place.current));
    watch.observe(scroller.current);
    watch.observe(scroller.current.firstElementChild);
    return () => watch.disconnect();
  }, []);

  const look = () => {
    const element = scroller.current;
    if (!element) return;
    const below = element.scrollHeight - element.scrollTop - element.clientHeight;
    place.current = placeOf(element, below < NEAR_PX && (messages.atEnd.value || !messages.loaded.value));
    setAtBottom(place.current.stick);
    if (element.scrollTop < AHEAD_PX) void messages.older();
    if (below < AHEAD_PX) void messages.newer();
    if (!thread && place.current.stick) markRead(room, messages);
  };
  useEffect(look, [messages.rows.value, messages.loading.value]);
  useEffect(() => {
    addEventListener('focus', look);
    document.addEventListener('visibilitychange', look);
    return () => {
      removeEventListener('focus', look);
      document.removeEventListener('visibilitychange', look);
    };
  }, [room]);

  const toEnd = async () => {
    if (!messages.atEnd.value) await messages.latest(room.head);
    place.current = { stick: true };
    settle(scroller.current, place.current);
    look();
  };
  useEvents(room, messages, thread, scroller, place, toEnd);
  const onKeyDown = (event) => moveFocus(event, scroller.current);
  const { loading, error, loaded } = messages;
  return html`<div class="timeline-box">
    <div
      ref=${scroller}
      class="timeline"
      role="log"
      tabindex="0"
      aria-label=${thread ? 'Thread' : `Messages in ${room.view.value.name}`}
      aria-live="polite"
      aria-relevant="additions"
      aria-busy=${Boolean(loading.value)}
      data-testid=${thread ? 'thread-timeline' : 'timeline'}
      data-at-bottom=${atBottom}
      data-loaded=${loaded.value}
      data-loading=${loading.value ?? ''}
      onScroll=${look}
      onKeyDown=${onKeyDown}
    >
      <div class="timeline-rows">
        ${messages.atStart.value && !thread && html`<${Beginning} room=${room} />`}
        ${!messages.atStart.value && loaded.value && html`<p class="quiet timeline-more">Reading further back…</p>`}
        ${!loaded.value && !error.value && html`<${Waiting} />`}
        ${items.map((item) => html`<${Item} key=${item.key} ...${item} room=${room} thread=${thread} />`)}
        ${error.value && html`<${Failed} error=${error.value} again=${() => messages.latest(room.head)} />`}
      </div>
    </div>
    ${!atBottom && loaded.value && html`<${ToEnd} room=${room} onClick=${toEnd} />`}
  </div>`;
}

function Item({ kind, label, row, head, state, error, replies, room, thread }) {
  if (kind === 'day') return html`<div class="day" role="separator" data-testid="day"><span>${day(label)}</span></div>`;
  if (kind === 'unread')
    return html`<div class="unread-line" role="separator" data-testid="unread-line"><span>New</span></div>`;
  return html`<${Message}
    row=${row}
    head=${head}
    state=${state}
    error=${error}
    replies=${replies}
    room=${room}
    thread=${thread}
  />`;
}

/** Reads the messages when a room is opened, and remembers from where they are unread. */
function useOpening(room, messages, thread, place, scroller) {
  useEffect(() => {
    if (thread) {
      void messages.latest(room.head);
      return undefined;
    }
    void room.readMembers().catch(() => undefined);
    room.unreadFrom.value = room.unread.value > 0 ? room.readSeq.value : null;
    const wanted = takeWantedSeq();
    if (wanted) {
      place.current.stick = false;
      void messages.around(wanted.seq).then(() => reveal(scroller.current, wanted.id, place));
    } else if (!messages.loaded.value || !messages.atEnd.value) {
      void messages.latest(room.head).then(() => toUnread(scroller.current, place));
    } else requestAnimationFrame(() => toUnread(scroller.current, place));
    return () => {
      room.unreadFrom.value = null;
    };
  }, [room, messages]);
}

/** With more unread than the screen holds, one begins to read at the line. */
function toUnread(element, place) {
  const line = element?.querySelector('.unread-line');
  if (!line || line.getBoundingClientRect().top > element.getBoundingClientRect().top) return;
  line.scrollIntoView({ block: 'center' });
  place.current = placeOf(element, false);
}

function useEvents(room, messages, thread, scroller, place, toEnd) {
  useEffect(() => {
    const onReveal = ({ detail }) => reveal(scroller.current, detail.id, place);
    const onSent = ({ detail }) => {
      if (detail.room !== room.id || detail.thread !== thread) return;
      if (!thread) room.unreadFrom.value = null;
      void toEnd();
    };
    document.addEventListener('voxlog:sent', onSent);
    if (!thread) document.addEventListener('voxlog:reveal', onReveal);
    return () => {
      document.removeEventListener('voxlog:sent', onSent);
      document.removeEventListener('voxlog:reveal', onReveal);
    };
  }, [room, messages]);
}

function reveal(element, id, place) {
  requestAnimationFrame(() => {
    const row = element?.querySelector(`[data-id="${id}"]`);
    if (!row) return;
    row.scrollIntoView({ block: 'center' });
    place.current = placeOf(element, false);
    row.focus({ preventScroll: true });
    flashed.value = id;
    setTimeout(() => flashed.value === id && (flashed.value = null), FLASH_MS);
  });
}

/** Where one reads: at the end, or at the first message that is in sight. */
function placeOf(element, stick) {
  const top = element.getBoundingClientRect().top;
  const row = firstBelow(element.querySelectorAll('[data-id]'), top);
  return row ? { stick, id: row.dataset.id, offset: row.getBoundingClientRect().top - top } : { stick };
}

/** The first of rows, from top to bottom, that ends below an edge. */
function firstBelow(rows, edge) {
  let [from, to] = [0, rows.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (rows[middle].getBoundingClientRect().bottom > edge) to = middle;
    else from = middle + 1;
  }
  return rows[from];
}

function settle(element, { stick, id, offset }) {
  if (!element) return;
  if (stick) {
    element.scrollTop = element.scrollHeight;
    return;
  }
  const row = id && element.querySelector(`[data-id="${id}"]`);
  if (!row) return;
  const moved = row.getBoundingClientRect().top - element.getBoundingClientRect().top - offset;
  if (Math.abs(moved) > 1) element.scrollTop += moved;
}

/** What is at the end of an open room, before the eyes of somebody, is read. */
function markRead(room, messages) {
  const last = messages.rows.value.at(-1)?.seq ?? 0;
  const seen = document.visibilityState === 'visible' && document.hasFocus();
  if (!seen) {
    if (room.unread.value > 0) room.unreadFrom.value ??= room.readSeq.value;
    return;
  }
  if (!messages.atEnd.value || last <= room.readSeq.value) return;
  room.read(last);
  client.markRead(room.id, last);
}

/** Arrow keys move from message to message; the tools of the one in focus are the next stop of Tab. */
function moveFocus(event, element) {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  const inside = event.target === element || event.target.matches('.message');
  if (!step || !inside) return;
  const rows = [...element.querySelectorAll('.message')];
  const at = rows.indexOf(event.target);
  const next = at < 0 ? rows.at(-1) : rows[at + step];
  if (!next) return;
  event.preventDefault();
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: 'nearest' });
}

const UNRECORDED = 'This room keeps no messages: what is said here is gone after a minute.';

function Beginning({ room }) {
  const { name, settings } = room.view.value;
  return html`<header class="beginning">
    <${Icon} name=${settings.isPublic ? 'hash' : 'lock'} />
    <h2>${name}</h2>
    <p>${settings.recordMessages === false ? UNRECORDED : 'Here the room begins.'}</p>
  </header>`;
}

const Waiting = () =>
  html`<div class="skeleton" aria-hidden="true">
    ${[0, 1, 2, 3, 4].map((at) => html`<div key=${at} class=${cls('skeleton-row', `skeleton-${at % 3}`)} />`)}
  </div>`;

const Failed = ({ error, again }) =>
  html`<p class="form-error" role="alert">
    Messages could not be read: ${told(error)} <button type="button" class="link" onClick=${again}>Try again</button>
  </p>`;

function ToEnd({ room, onClick }) {
  const unread = room.unread.value;
  return html`<button type="button" class="to-end" data-testid="jump-latest" data-unread=${unread} onClick=${onClick}>
    <${Icon} name="down" />${unread > 0 ? `${unread} new` : 'Latest'}
  </button>`;
}
