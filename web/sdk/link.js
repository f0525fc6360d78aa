import { backoff } from './backoff.js';
import { VoxlogError, offline } from './error.js';

const SUBPROTOCOL = 'voxlog.v1.json';

/** How long a gateway may take to open a socket and to say `welcome`. */
const WELCOME_WITHIN_MS = 10_000;

/** How often the way is measured, and how long nothing at all may come before the socket counts as dead. */
const PING_EVERY_MS = 5_000;
const SILENT_AFTER_MS = 5_000;

/** A gateway where a user has too many sockets says so, and then closes for good: how long it may take for that. */
const SAID_WITHIN_MS = 2_000;

/** How long a socket must have held for the tries before it to be forgotten. */
const PEACE_MS = 10_000;

/** Longer than the gateway itself tries. */
const ANSWER_WITHIN_MS = 35_000;

/** A gateway says with these that the same again would end the same. */
const FINAL = (code) => code >= 4500 && code < 5000;

const TOKEN_EXPIRED = 4001;

const REASONS = {
  4500: 'missed_hello',
  4501: 'broken_framing',
  4502: 'too_large',
  4503: 'too_many_sockets',
  4504: 'revoked',
  4505: 'resumed_elsewhere',
};

/**
 * The way to the gateways: one socket at a time, replaced by another whenever it is lost. It says hello, answers for
 * the token, matches answers with what was asked, and notices when the other side has gone without a word.
 *
 * `state` is `closed`, `connecting`, `online`, `waiting` (`retryAt` says until when) or `ended` (`reason` says why).
 */
export class Link {
  state = 'closed';
  attempt = 0;
  retryAt;
  reason;
  rttMs;

  #platform;
  #gateways;
  #tokens;
  #greeting;
  #hooks;
  #at = 0;
  #socket;
  #asked = new Map();
  #nextId = 1;
  #timers = new Map();
  #renew = false;
  #notBefore = 0;
  #onlineAt = Infinity;
  #hints = [];

  /**
   * @param {object} parts
   * @param {import('./platform.js').Platform} parts.platform
   * @param {string[]} parts.gateways origins, tried in turn
   * @param {(how: {renew: boolean}) => Promise<string>} parts.tokens an access token, a new one where `renew` is set
   * @param {() => object} parts.greeting what goes into `hello` beside the token
   * @param {{welcome: Function, frame: Function, down: Function, state: Function}} parts.hooks
   */
  constructor({ platform, gateways, tokens, greeting, hooks }) {
    this.#platform = platform;
    this.#gateways = gateways;
    this.#tokens = tokens;
    this.#greeting = greeting;
    this.#hooks = hooks;
  }

  /** Connects, and stays connected until `close` or until a gateway says that this has no sense. */
  open() {
    if (this.state !== 'closed' && this.state !== 'ended') return;
    const now = () => this.#hurry();
    this.#hints = ['online', 'visible'].map((name) => this.#platform.when(name, now));
    this.#hints.push(this.#platform.when('offline', () => this.#probe()));
    this.attempt = 0;
    this.#renew = false;
    this.#dial();
  }

  /** Ends it. What was not answered is refused with `offline`. What has ended for a reason stays so. */
  close() {
    if (this.state !== 'ended') this.#end('closed');
  }

  /**
   * Asks and waits for the answer.
   * @returns {Promise<object>} the answering frame; rejects with a VoxlogError, `offline` when none came
   */
  request(op, fields = {}) {
    if (this.state !== 'online') return Promise.reject(offline());
    return this.#ask(op, fields);
  }

  /** Measures the way there and back. @returns {Promise<number>} milliseconds */
  async ping() {
    const began = this.#platform.now();
    await this.request('ping');
    this.rttMs = this.#platform.now() - began;
    this.#hooks.state();
    return this.rttMs;
  }

  // ---- one socket ----

  async #dial() {
    this.#stop('retry');
    this.#set('connecting');
    // Every step asks whether this is still the try that counts: a token may take its time.
    const turn = (this.#socket = { gone: false });
    let token;
    try {
      token = await this.#tokens({ renew: this.#renew });
    } catch (error) {
      if (turn !== this.#socket) return;
      if (error.code === 'offline' || error.passes) this.#lost();
      else this.#end('ended', error.code ?? 'unauthenticated');
      return;
    }
    if (turn !== this.#socket) return;
    const wire = new this.#platform.WebSocket(socketUrl(this.#gateways[this.#at % this.#gateways.length]), SUBPROTOCOL);
    turn.wire = wire;
    this.#timer('welcome', WELCOME_WITHIN_MS, () => this.#lost());
    wire.onopen = () => {
      if (turn === this.#socket) this.#greet(token);
    };
    wire.onmessage = ({ data }) => {
      if (turn === this.#socket) this.#read(data);
    };
    wire.onclose = ({ code }) => {
      if (turn === this.#socket) this.#closed(code);
    };
    wire.onerror = () => {};
  }

  async #greet(token) {
    const turn = this.#socket;
    try {
      const welcome = await this.#ask('hello', { token, ...this.#greeting() });
      if (turn === this.#socket) this.#welcomed(welcome);
    } catch (error) {
      if (turn !== this.#socket) return;
      // A token that was refused is renewed once; a new one that is refused too says that this sign-in is over.
      if (error.code === 'unauthenticated' && this.#renew) this.#end('ended', 'unauthenticated');
      else if (error.code === 'unauthenticated') {
        this.#renew = true;
        this.#discard();
        this.#dial();
      } else if (error.code === 'rate_limited') this.#timer('welcome', SAID_WITHIN_MS, () => this.#lost());
      else if (error.passes || error.code === 'internal') this.#lost();
      else this.#end('ended', error.code);
    }
  }

  #welcomed(welcome) {
    this.#stop('welcome');
    this.#renew = false;
    this.#notBefore = 0;
    this.#onlineAt = this.#platform.now();
    this.#set('online');
    this.#hooks.welcome(welcome);
    this.#measure();
  }

  #read(data) {
    this.#stop('silence');
    const frame = JSON.parse(data);
    const asked = frame.id === undefined ? undefined : this.#asked.get(frame.id);
    if (asked) {
      this.#asked.delete(frame.id);
      this.#platform.cancel(asked.timer);
      if (frame.op === 'error') asked.reject(VoxlogError.from(frame));
      else asked.resolve(frame);
    } else if (frame.op === 'closing') {
      this.#notBefore = this.#platform.now() + frame.reconnectAfterMs;
    } else if (frame.op === 'token') {
      this.#renewToken();
    } else {
      this.#hooks.frame(frame);
    }
  }

  #ask(op, fields) {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const given = () => {
        this.#asked.delete(id);
        reject(new VoxlogError('outcome_unknown', 'there was no answer in time'));
      };
      this.#asked.set(id, { resolve, reject, timer: this.#platform.after(given, ANSWER_WITHIN_MS) });
      this.#socket.wire.send(JSON.stringify({ op, id, ...fields }));
    });
  }

  async #renewToken() {
    try {
      const token = await this.#tokens({ renew: true });
      if (this.state === 'online') await this.#ask('hello', { token });
    } catch {
      // The gateway closes the socket when the token runs out, and that is answered by a new try.
    }
  }

  // ---- whether anybody is there ----

  #measure() {
    this.#probe();
    this.#timer('measure', PING_EVERY_MS, () => this.#measure());
  }

  /** Pings. The answer, or anything else that comes, proves that the way is there; silence, that it is not. */
  #probe() {
    if (this.state !== 'online') return;
    if (!this.#timers.has('silence')) this.#timer('silence', SILENT_AFTER_MS, () => this.#lost());
    this.ping().catch(() => {});
  }

  /** The device says that there may be a network again. */
  #hurry() {
    if (this.state === 'waiting' && this.#platform.now() >= this.#notBefore) this.#dial();
    else this.#probe();
  }

  // ---- the end of a socket ----

  #closed(code) {
    if (FINAL(code)) return this.#end('ended', REASONS[code] ?? `closed with ${code}`);
    if (code === TOKEN_EXPIRED) this.#renew = true;
    this.#lost();
  }

  /** This socket is over, or is given up without waiting for the other side, which may not be there. */
  #lost() {
    this.#discard();
    const now = this.#platform.now();
    // A gateway that lets in and throws out at once is not hammered: only a while of peace makes up for what failed.
    if (now - this.#onlineAt >= PEACE_MS) this.attempt = 0;
    this.#onlineAt = Infinity;
    this.attempt += 1;
    this.#at += 1;
    this.retryAt = Math.max(now + backoff(this.attempt, this.#platform.random), this.#notBefore);
    this.#set('waiting');
    this.#timer('retry', this.retryAt - now, () => this.#dial());
  }

  #end(state, reason) {
    this.#discard();
    this.#hints.forEach((off) => off());
    this.#hints = [];
    this.#set(state, reason);
  }

  /** Lets go of the socket and of everything that waits for it. */
  #discard() {
    const wire = this.#socket?.wire;
    this.#socket = undefined;
    for (const timer of this.#timers.values()) this.#platform.cancel(timer);
    this.#timers.clear();
    const asked = [...this.#asked.values()];
    this.#asked.clear();
    for (const { reject, timer } of asked) {
      this.#platform.cancel(timer);
      reject(offline());
    }
    if (wire) {
      wire.onopen = wire.onmessage = wire.onclose = null;
      wire.close();
    }
    this.#hooks.down();
  }

  #set(state, reason) {
    this.state = state;
    this.reason = reason;
    if (state !== 'waiting') this.retryAt = undefined;
    this.#hooks.state();
  }

  #timer(name, ms, work) {
    this.#stop(name);
    this.#timers.set(
      name,
      this.#platform.after(() => {
        this.#timers.delete(name);
        work();
      }, ms),
    );
  }

  #stop(name) {
    this.#platform.cancel(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

const socketUrl = (origin) => `${origin.replace(/^http/, 'ws').replace(/\/$/, '')}/ws`;
