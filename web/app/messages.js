// A window of a room's messages, or of one of its threads: rows without a hole, from the read model, from the log when
// the read model is away, and from the socket as they happen.
import { batch, signal } from '@preact/signals';
import { client } from './client.js';
import { foldMessages, shortType } from './fold.js';
import { learnAuthors } from './people.js';

const PAGE = 50;

/** Rows that one window holds; beyond, the end that is out of sight is dropped and read again when it is wanted. */
const MOST_ROWS = 600;

export class Messages {
  constructor(room, thread = null) {
    this.room = room;
    this.thread = thread;
    this.rows = signal([]);
    this.loaded = signal(false);
    this.loading = signal(null);
    this.error = signal(null);
    this.atStart = signal(false);
    this.atEnd = signal(false);
    this.waiting = [];
  }

  /** The newest messages. `head` is the last seq of the room's message chain as the socket knows it. */
  latest(head) {
    return this.load('latest', async () => {
      const { rows, hasMore } = await this.newest(head);
      return () => this.show(rows, { atStart: !hasMore, atEnd: true });
    });
  }

  /** The messages around a seq, with that one among them. */
  around(seq) {
    return this.load('around', async () => {
      const [older, newer] = await Promise.all([this.page({ before: seq + 1 }), this.page({ after: seq })]);
      return () => this.show([...older.data, ...newer.data], { atStart: !older.hasMore, atEnd: !newer.hasMore });
    });
  }

  older() {
    if (this.atStart.value || !this.rows.value.length) return undefined;
    return this.load('older', async () => {
      const page = await this.page({ before: this.rows.value[0].seq });
      return () => {
        const rows = this.merge(page.data);
        const kept = rows.slice(0, MOST_ROWS);
        this.show(kept, { atStart: !page.hasMore, atEnd: this.atEnd.value && kept.length === rows.length });
      };
    });
  }

  newer() {
    if (this.atEnd.value || !this.rows.value.length) return undefined;
    return this.load('newer', async () => {
      const page = await this.page({ after: this.rows.value.at(-1).seq });
      return () => {
        const rows = this.merge(page.data);
        const kept = rows.slice(-MOST_ROWS);
        this.show(kept, { atStart: this.atStart.value && kept.length === rows.length, atEnd: !page.hasMore });
      };
    });
  }

  /** After a subscription that recovered nothing: the newest anew, unless one is reading further up. */
  renew(head) {
    if (this.loading.value === 'latest' || this.atEnd.value) void this.latest(head);
  }

  /** Takes an event of the message chain. What comes while a page is on its way waits for it. */
  apply(seq, event) {
    if (this.loading.value) this.waiting.push([seq, event]);
    if (!this.loaded.value || !this.concerns(event)) return;
    if (shortType(event) === 'message.posted' && !this.atEnd.value) return;
    this.rows.value = foldMessages(this.rows.value, this.room, seq, event);
  }

  find(id) {
    return this.rows.value.find((row) => row.id === id);
  }

  concerns(event) {
    return !this.thread || shortType(event) !== 'message.posted' || event.data.threadRoot === this.thread;
  }

  page(range) {
    const query = { limit: PAGE, ...range, ...(this.thread && { thread: this.thread }) };
    return client.rest('GET', `/rooms/${this.room}/messages`, { query });
  }

  /** The read model may be some events behind, or away: the log itself has the rest. */
  async newest(head) {
    let page = { data: [], hasMore: false };
    try {
      page = await this.page({});
    } catch (error) {
      if (error.code !== 'unavailable' || !head) throw error;
      const { events } = await client.history(this.room, 'msg', { before: head + 1, limit: 200 });
      return { rows: this.folded([], events), hasMore: false };
    }
    const last = page.data.at(-1)?.seq ?? 0;
    if (!head || head <= last) return { rows: page.data, hasMore: page.hasMore };
    const { events } = await client.history(this.room, 'msg', { after: last, limit: 200 });
    return { rows: this.folded(page.data, events), hasMore: page.hasMore };
  }

  folded(rows, events) {
    const ours = events.filter(({ event }) => this.concerns(event));
    return ours.reduce((after, { seq, event }) => foldMessages(after, this.room, seq, event), rows);
  }

  merge(rows) {
    const known = new Set(this.rows.value.map(({ id }) => id));
    return [...this.rows.value, ...rows.filter(({ id }) => !known.has(id))].sort((a, b) => a.seq - b.seq);
  }

  show(rows, { atStart, atEnd }) {
    learnAuthors(rows);
    batch(() => {
      this.rows.value = rows;
      this.atStart.value = atStart;
      this.atEnd.value = atEnd;
      this.loaded.value = true;
    });
  }

  /** One page at a time. A wish for another place takes the place of a page that is under way. */
  load(what, read) {
    if (this.loading.value && !['latest', 'around'].includes(what)) return this.reading;
    this.loading.value = what;
    this.error.value = null;
    const reading = read().then(
      (show) => this.reading === reading && show(),
      (error) => {
        if (this.reading === reading) this.error.value = error;
      },
    );
    this.reading = reading;
    return reading.then(() => this.reading === reading && this.settle());
  }

  settle() {
    const waiting = this.waiting.splice(0);
    this.loading.value = null;
    for (const [seq, event] of waiting) this.apply(seq, event);
  }
}
