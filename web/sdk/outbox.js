import { offline } from './error.js';
import { uuidv7 } from './ids.js';

/** How long a message that could not be sent rests, unless the gateway says when again. */
const REST_MS = 2_000;

/**
 * Messages on their way. Each is named here, by a UUID of version 7, and sent under that name until the log has it or
 * refuses it: however often it is sent, it is one message. In a room they are sent one after the other, in the order in
 * which they were handed over; one that was refused (`failed`) stands aside until it is sent again or discarded.
 *
 * An entry is `pending`, then `sent` once the log has it, and leaves when its event comes back.
 * @typedef {{messageId: string, room: string, content: string, replyTo?: string, threadRoot?: string, queuedAt: string,
 *   state: 'pending' | 'sent' | 'failed' | 'confirmed' | 'discarded', error?: object, seq?: number}} Entry
 */
export class Outbox {
  /** @type {Map<string, Entry>} in the order in which they were handed over */
  #entries = new Map();
  /** Rooms of which one is under way, or that rest. */
  #busy = new Map();
  #ask;
  #isRead;
  #changed;
  #platform;
  #store = null;
  #online = false;
  #life = 0;

  /**
   * @param {{ask: (op: string, fields: object) => Promise<object>, isRead: (room: string, seq: number) => boolean,
   *   changed: (entry: Entry) => void, platform: import('./platform.js').Platform}} parts
   *   `isRead` says whether the event at this seq has been there already, or never will come
   */
  constructor({ ask, isRead, changed, platform }) {
    this.#ask = ask;
    this.#isRead = isRead;
    this.#changed = changed;
    this.#platform = platform;
  }

  /** Keeps the entries of this store from now on, those of an earlier page included. @param {{load, save}} store */
  keepIn(store) {
    this.#store = store;
    this.#entries = new Map((store?.load() ?? []).map((entry) => [entry.messageId, entry]));
    for (const entry of this.#entries.values()) if (entry.state === 'sent') entry.state = 'pending';
  }

  /** @returns {Entry[]} what is not seen back yet, of one room or of all */
  list(room) {
    return [...this.#entries.values()].filter((entry) => !room || entry.room === room).map((entry) => ({ ...entry }));
  }

  /** @returns {Entry} */
  add({ room, content, replyTo, threadRoot }) {
    const queuedAt = new Date(this.#platform.now()).toISOString();
    const entry = { messageId: uuidv7(), room, content, replyTo, threadRoot, queuedAt, state: 'pending' };
    this.#entries.set(entry.messageId, entry);
    this.#tell(entry);
    this.#send(room);
    return { ...entry };
  }

  /** Sends one that was refused again, under the same name. */
  retry(messageId) {
    const entry = this.#entries.get(messageId);
    if (entry?.state !== 'failed') return;
    Object.assign(entry, { state: 'pending', error: undefined });
    this.#tell(entry);
    this.#send(entry.room);
  }

  /** Forgets one. One that is under way may have arrived all the same. */
  discard(messageId) {
    this.#leave(messageId, 'discarded');
  }

  /** The event of a message has come. */
  confirm(messageId) {
    this.#leave(messageId, 'confirmed');
  }

  /** There is a connection: what waits is sent. */
  up() {
    this.#online = true;
    this.#forgetTimers();
    for (const room of new Set(this.list().map((entry) => entry.room))) this.#send(room);
  }

  /** There is none: what was under way is sent again with the next. */
  down() {
    this.#online = false;
    this.#forgetTimers();
  }

  #forgetTimers() {
    this.#life += 1;
    for (const timer of this.#busy.values()) this.#platform.cancel(timer);
    this.#busy.clear();
  }

  async #send(room) {
    if (!this.#online || this.#busy.has(room)) return;
    const entry = [...this.#entries.values()].find((one) => one.room === room && one.state === 'pending');
    if (!entry) return;
    const life = this.#life;
    this.#busy.set(room, undefined);
    const { messageId, content, replyTo, threadRoot } = entry;
    try {
      const fields = { room, messageId, content, ...(replyTo && { replyTo }), ...(threadRoot && { threadRoot }) };
      const ack = await this.#ask('message.send', fields);
      if (life === this.#life) this.#busy.delete(room);
      this.#acknowledged(entry, ack);
    } catch (error) {
      if (life !== this.#life) return;
      this.#busy.delete(room);
      this.#refused(entry, error);
    }
    if (life === this.#life) this.#send(room);
  }

  #acknowledged(entry, { seq }) {
    if (this.#entries.get(entry.messageId) !== entry) return;
    Object.assign(entry, { state: 'sent', seq, error: undefined });
    if (this.#isRead(entry.room, seq)) this.#leave(entry.messageId, 'confirmed');
    else this.#tell(entry);
  }

  #refused(entry, error) {
    if (this.#entries.get(entry.messageId) !== entry || error.code === offline().code) return;
    const { code, detail, retryAfterMs } = error;
    if (error.passes) {
      const again = () => {
        this.#busy.delete(entry.room);
        this.#send(entry.room);
      };
      this.#busy.set(entry.room, this.#platform.after(again, retryAfterMs ?? REST_MS));
    } else {
      entry.state = 'failed';
    }
    entry.error = { code, detail, retryAfterMs };
    this.#tell(entry);
  }

  #leave(messageId, state) {
    const entry = this.#entries.get(messageId);
    if (!entry) return;
    this.#entries.delete(messageId);
    this.#tell(entry, state);
  }

  #tell(entry, state = entry.state) {
    this.#store?.save([...this.#entries.values()]);
    this.#changed({ ...entry, state });
  }
}
