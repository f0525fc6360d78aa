import { Account } from './account.js';
import { Emitter } from './emitter.js';
import { VoxlogError } from './error.js';
import { Link } from './link.js';
import { Outbox } from './outbox.js';
import { browser } from './platform.js';
import { Rest } from './rest.js';
import { Room } from './room.js';
import { Status } from './status.js';
import { keeper } from './storage.js';
import { Steady } from './steady.js';

/** How long something that failed in passing rests, unless the gateway says when again. */
const REST_MS = 1_000;

/** A `typing.start` of one room goes out at most this often; the gateway lets it end after 6 s. */
const TYPING_EVERY_MS = 2_500;

/** How far a room is read is told at most this often. */
const READ_EVERY_MS = 1_000;

/** Why a connection ends when its sign-in is over. */
const SIGNED_OUT = new Set(['revoked', 'unauthenticated']);

/**
 * A client of Voxlog: an account, a connection that comes back by itself, rooms whose events are verified, and an outbox.
 *
 * Events, by `on(name, listener)`:
 * - `status`: the connection, see `status`
 * - `user`: who is signed in now, or null
 * - `welcome` `{session, resumed}`: there is a connection; `resumed` says that it is the same session as before
 * - `subscribed` `{room, recovered, reason?, heads, state}`: a room was opened, again after each reconnect. Without
 *   `recovered` everything begins from `state`, and what was said meanwhile is to be read as history
 * - `event` `{room, class, seq, prev, event, recovered}`: each once, in the order of its chain, without gaps;
 *   `recovered` marks those that came late because of a reconnect or a gap
 * - `caught-up` `{room}`: everything that was missed has been given
 * - `gone` `{room, class, after, upTo}`: the log does not keep what stood between these seqs any more
 * - `call` `{room, call}`: the room's call, or null, after whatever changed it
 * - `presence` `{room, full?, members}`, `typing` `{room, users}`, `speaking` `{room, sessions}`: as the gateway tells
 * - `signal` `{seq, room, callId, from, data}`: from another device in the same call, each once and in order
 * - `feed`: a `user` frame, something that concerns the user wherever it happened
 * - `lost` `{room, error}`: the subscription has ended, and trying again would end the same
 * - `outbox`: an entry that has changed; `confirmed` and `discarded` ones have left
 */
export class Client {
  #emitter = new Emitter();
  #platform;
  #storage;
  #account;
  #rest;
  #tokens;
  #link;
  #outbox;
  #status;
  /** @type {Map<string, Room>} */
  #rooms = new Map();
  #session = null;
  #signalSeq = 0;
  #presence = 'online';
  #typing;
  #reads;

  /**
   * @param {object} [options]
   * @param {string} [options.base] origin of the REST surface; the page's own
   * @param {string[]} [options.gateways] origins for the socket, tried in turn; `base` alone
   * @param {Storage | null} [options.storage] where the sign-in and the outbox survive a reload; `sessionStorage`, so that
   *   a tab is a person. Two pages must not share one: a refresh token is good for one use
   * @param {(how: {renew: boolean}) => Promise<string>} [options.token] gives an access token, a new one where `renew` is
   *   set, for those who sign in elsewhere; throws a VoxlogError `unauthenticated` when there is none
   * @param {Partial<import('./platform.js').Platform>} [options.platform]
   */
  constructor({ base = globalThis.location?.origin, gateways = [base], storage, token, platform } = {}) {
    this.#platform = { ...browser(), ...platform };
    this.#storage = keeper(storage === undefined ? globalThis.sessionStorage : storage);
    this.#tokens = token ?? ((how) => this.#account.token(how));
    this.#rest = new Rest({ base, platform: this.#platform, tokens: (how) => this.#tokens(how) });
    this.#account = new Account({
      post: (...request) => this.#rest.post(...request),
      storage: this.#storage,
      platform: this.#platform,
      changed: (user) => this.#userChanged(user),
    });
    this.#link = new Link({
      platform: this.#platform,
      gateways,
      tokens: (how) => this.#tokens(how),
      greeting: () => this.#greeting(),
      hooks: {
        welcome: (frame) => this.#welcomed(frame),
        frame: (frame) => this.#frame(frame),
        down: () => this.#down(),
        state: () => this.#linked(),
      },
    });
    this.#outbox = new Outbox({
      ask: (op, fields) => this.command(op, fields),
      isRead: (room, seq) => this.#isRead(room, seq),
      changed: (entry) => this.#emitter.emit('outbox', entry),
      platform: this.#platform,
    });
    if (token) this.#outbox.keepIn(this.#keptOutbox('own'));
    this.#status = new Status(this.#link, this.#rooms, this.#platform, (status) =>
      this.#emitter.emit('status', status),
    );
    const ask = (op, fields) => this.command(op, fields);
    this.#typing = new Steady(TYPING_EVERY_MS, this.#platform, (room) => ask('typing.start', { room }), {
      last: false,
    });
    this.#reads = new Steady(READ_EVERY_MS, this.#platform, (room, seq) => ask('read.mark', { room, seq }));
  }

  /** Listens. @returns {() => void} stops listening */
  on(name, listener) {
    return this.#emitter.on(name, listener);
  }

  // ---- who ----

  /** The account that is signed in, or null. */
  get user() {
    return this.#account.user;
  }

  /** Takes up the sign-in of an earlier page. @returns {Promise<object | null>} the account */
  restore() {
    return this.#account.restore();
  }

  /** @param {{email: string, password: string, totp?: string}} form @returns {Promise<object>} the account */
  login(form) {
    return this.#account.signIn('login', form);
  }

  /** @param {{username: string, email: string, password: string}} form @returns {Promise<object>} the account */
  register(form) {
    return this.#account.signIn('register', form);
  }

  /** @param {{displayName: string}} form @returns {Promise<object>} the account */
  guest(form) {
    return this.#account.signIn('guest', form);
  }

  /** Signs out here: the tokens are good for nothing any more. */
  async logout() {
    this.close();
    await this.#account.signOut();
  }

  /**
   * Ends the account for good, and with it all its sign-ins.
   * @param {{password?: string}} form a guest has no password
   */
  async erase(form) {
    await this.rest('DELETE', '/users/me', { body: form });
    this.close();
    this.#account.forget();
  }

  /** A REST request, see {@link Rest.request}. */
  rest(method, path, more) {
    return this.#rest.request(method, path, more);
  }

  // ---- the connection ----

  /** Connects and stays connected. @param {{presence?: string}} [how] */
  connect({ presence } = {}) {
    if (presence) this.#presence = presence;
    this.#link.open();
    return this;
  }

  /** Ends the connection and forgets the rooms. What is in the outbox stays there. */
  close() {
    this.#link.close();
    this.#rooms.clear();
    this.#session = null;
    this.#signalSeq = 0;
    this.#status.forget();
  }

  /**
   * `state`: `connecting` (for the first time), `online`, `catching-up` (online, what was missed still comes), `offline`
   * (tries again at `retryAt`), `ended` (by `reason`: trying again would end the same). `recovered`: how many missed
   * events the last reconnect has brought, null before the first; final in `online`. `lastSeq`: the greatest seq known.
   * @returns {{state: string, attempt: number, retryAt?: number, reason?: string, rttMs?: number, lastSeq: number,
   *   recovered: number | null}}
   */
  get status() {
    return this.#status.now();
  }

  /** This device, as others see it in presence and calls; null before the first connection. */
  get session() {
    return this.#session;
  }

  /** Measures the way there and back. @returns {Promise<number>} milliseconds */
  ping() {
    return this.#link.ping();
  }

  /** Sends a frame and waits for its answer. Rejects at once with `offline` when there is no connection. */
  command(op, fields) {
    return this.#link.request(op, fields);
  }

  /** @param {'online' | 'away' | 'dnd' | 'invisible'} status as others shall see this device, now and after reconnects */
  async setPresence(status) {
    this.#presence = status;
    if (this.#link.state === 'online') await this.command('presence.update', { status });
  }

  // ---- rooms ----

  /** Opens a room, for as long as this client lives: also after reconnects. @returns {Room} */
  subscribe(id) {
    const known = this.#rooms.get(id);
    if (known && known.state !== 'lost') return known;
    const room = new Room(id, this.#roomParts());
    this.#rooms.set(id, room);
    this.#status.look();
    if (this.#link.state === 'online') room.subscribe();
    return room;
  }

  async unsubscribe(id) {
    this.#rooms.get(id)?.down();
    this.#rooms.delete(id);
    this.#status.look();
    if (this.#link.state === 'online') await this.command('unsubscribe', { room: id }).catch(() => {});
  }

  /** A subscribed room with what is known of it, to be read only. @returns {Room | undefined} */
  room(id) {
    return this.#rooms.get(id);
  }

  /** A page of a room's log. @param {{after?: number, before?: number, limit?: number}} [range] */
  history(room, name, range = {}) {
    return this.command('history', { room, class: name, ...range });
  }

  /** Tells that the user types; as often as keys are pressed, since it goes out only now and then. */
  typing(room) {
    if (this.#link.state === 'online') this.#typing.give(room);
  }

  stopTyping(room) {
    if (this.#typing.forget(room) && this.#link.state === 'online')
      this.command('typing.stop', { room }).catch(() => {});
  }

  /** Tells how far the user has read a room; as often as it changes. */
  markRead(room, seq) {
    this.#reads.give(room, seq);
  }

  // ---- messages ----

  /** Hands a message over, also without a connection. @returns {import('./outbox.js').Entry} */
  send(message) {
    this.#typing.forget(message.room);
    return this.#outbox.add(message);
  }

  /** Messages that have not come back as events yet. @returns {import('./outbox.js').Entry[]} */
  outbox(room) {
    return this.#outbox.list(room);
  }

  retry(messageId) {
    this.#outbox.retry(messageId);
  }

  discard(messageId) {
    this.#outbox.discard(messageId);
  }

  // ---- what comes ----

  #greeting() {
    const resume = this.#session && { session: this.#session, signals: this.#signalSeq };
    return { presence: this.#presence, ...(resume && { resume }) };
  }

  #welcomed({ session, resumed }) {
    if (!resumed) this.#signalSeq = 0;
    this.#session = session;
    this.#status.welcomed();
    for (const room of this.#rooms.values()) if (room.state !== 'lost') room.subscribe();
    this.#outbox.up();
    this.#reads.again();
    this.#emitter.emit('welcome', { session, resumed: resumed ?? false });
  }

  /** The connection is otherwise. A sign-in that the gateways do not take any more is over here too. */
  #linked() {
    this.#status.look();
    if (this.#link.state === 'ended' && SIGNED_OUT.has(this.#link.reason)) this.#account.forget();
  }

  #down() {
    for (const room of this.#rooms.values()) room.down();
    this.#outbox.down();
  }

  #frame(frame) {
    const room = this.#rooms.get(frame.room);
    switch (frame.op) {
      case 'event':
        return room?.event(frame);
      case 'heads':
        for (const [id, heads] of Object.entries(frame.rooms)) this.#rooms.get(id)?.proved(heads);
        return undefined;
      case 'presence':
        room?.presenceChanged(frame);
        break;
      case 'typing':
        if (room) room.typing = frame.users;
        break;
      case 'speaking':
        if (room) room.speaking = new Set(frame.sessions);
        break;
      case 'signal':
        if (frame.seq <= this.#signalSeq) return undefined;
        this.#signalSeq = frame.seq;
        break;
      case 'user':
        return this.#emitter.emit('feed', frame);
      case 'error':
        return room?.failed(VoxlogError.from(frame));
      default:
        return undefined;
    }
    return this.#emitter.emit(frame.op, frame);
  }

  #roomParts() {
    const emit = (name) => (value) => this.#emitter.emit(name, value);
    return {
      ask: (op, fields) => this.command(op, fields),
      later: (error, work) => this.#platform.after(work, error.retryAfterMs ?? REST_MS),
      hooks: {
        subscribed: (what) => {
          if (!what.recovered) this.#status.begun(what.heads);
          this.#status.look();
          emit('subscribed')(what);
        },
        event: (what) => this.#happened(what),
        call: emit('call'),
        caughtUp: (what) => {
          emit('caught-up')(what);
          this.#status.look();
        },
        lost: (what) => {
          emit('lost')(what);
          this.#status.look();
        },
        gone: emit('gone'),
      },
    };
  }

  #happened(what) {
    this.#status.seen(what.seq, what.recovered);
    const { type, data } = what.event;
    if (type === 'voxlog.message.posted.v1') this.#outbox.confirm(data.messageId);
    this.#emitter.emit('event', what);
  }

  /** A message whose event will not come any more needs no waiting: it has come, or nobody listens to its room. */
  #isRead(id, seq) {
    const room = this.#rooms.get(id);
    return !room || room.state === 'lost' || (room.state === 'open' && room.cursor.msg >= seq);
  }

  #userChanged(user) {
    this.#outbox.keepIn(user && this.#keptOutbox(user.id));
    if (!user) this.close();
    this.#emitter.emit('user', user);
  }

  #keptOutbox(whose) {
    const name = `outbox.${whose}`;
    return {
      load: () => this.#storage.get(name),
      save: (entries) => this.#storage.set(name, entries.length ? entries : null),
    };
  }
}

/** A client that is connected, for those who sign in elsewhere: `connect({base, token: async () => '…'})`. */
export const connect = ({ presence, ...options }) => new Client(options).connect({ presence });
