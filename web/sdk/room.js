import { foldCall } from './call.js';
import { Chain } from './chain.js';

export const CLASSES = ['ctl', 'msg', 'call'];

/** How many events are fetched at a time, the most that a gateway gives. */
const PAGE = 200;

/** The gateway says of these that the room is not to be read, now or by this user. */
const FOR_GOOD = new Set([
  'not_a_member',
  'banned',
  'forbidden',
  'not_found',
  'room_archived',
  'invalid',
  'unsupported',
]);

/**
 * A subscribed room: its chains, verified, and what is known beside the log: who is there, types and speaks.
 *
 * Events that were missed follow on `subscribed`, or are fetched. Each is handed on once, in its chain's order; those
 * that came late, because of a reconnect or a gap, are marked `recovered`.
 */
export class Room {
  /** `opening` until the gateway has answered, `open`, or `lost`: the gateway gives this user nothing of it any more. */
  state = 'opening';
  /** The last seq of each class when the gateway last answered. */
  heads = { ctl: 0, msg: 0, call: 0 };
  /** @type {object | null} */
  call = null;
  /** Members who are not offline. @type {Map<string, {userId: string, status: string, inCall?: boolean}>} */
  presence = new Map();
  /** Users who type. @type {string[]} */
  typing = [];
  /** Sessions that speak. @type {Set<string>} */
  speaking = new Set();

  #chains = Object.fromEntries(CLASSES.map((name) => [name, new Chain(0)]));
  #known = false;
  #expected = null;
  #life = 0;
  #ask;
  #hooks;
  #later;

  /**
   * @param {string} id
   * @param {{ask: (op: string, fields: object) => Promise<object>, later: (error: any, work: () => void) => void,
   *   hooks: Record<'subscribed' | 'event' | 'call' | 'lost' | 'caughtUp' | 'gone', Function>}} parts
   */
  constructor(id, { ask, later, hooks }) {
    this.id = id;
    this.#ask = ask;
    this.#later = later;
    this.#hooks = hooks;
  }

  /** What this client has: the last seq of each class that was handed on. */
  get cursor() {
    return Object.fromEntries(CLASSES.map((name) => [name, this.#chains[name].held]));
  }

  /** Whether everything up to the last answer of the gateway has been handed on. */
  get caughtUp() {
    return this.state === 'lost' || (this.state === 'open' && this.#expected === null);
  }

  /** Asks the gateway for the room: all that follows on what is held. Once a connection. */
  async subscribe() {
    const life = ++this.#life;
    if (this.state !== 'opening') this.state = 'opening';
    for (const chain of Object.values(this.#chains)) Object.assign(chain, { waiting: [], filling: false });
    try {
      const answer = await this.#ask('subscribe', { room: this.id, ...(this.#known && { cursor: this.cursor }) });
      if (life === this.#life) this.#subscribed(answer);
    } catch (error) {
      if (life === this.#life) this.failed(error);
    }
  }

  /** The connection is gone; what was under way is asked anew with the next one. */
  down() {
    this.#life += 1;
    if (this.state === 'open') this.state = 'opening';
  }

  /** The subscription has ended, or did not begin. */
  failed(error) {
    if (FOR_GOOD.has(error.code)) {
      this.#life += 1;
      this.state = 'lost';
      this.#expected = null;
      this.#hooks.lost({ room: this.id, error });
    } else if (error.code !== 'offline') {
      // With `conflict` some of it may have left the log before it was sent: the gateway tells where to go on.
      const life = this.#life;
      this.#later(error, () => {
        if (life === this.#life) this.subscribe();
      });
    }
  }

  #subscribed({ recovered, reason, heads, state }) {
    this.state = 'open';
    this.heads = heads;
    // Without proof that everything since follows, what the room is now is the beginning.
    if (!recovered) for (const name of CLASSES) this.#chains[name].held = heads[name];
    this.#known = true;
    this.#expected = recovered ? heads : null;
    this.call = state.call ?? null;
    this.presence = new Map((state.presence ?? []).map((one) => [one.userId, one]));
    this.typing = state.typing ?? [];
    this.speaking = new Set(state.speaking ?? []);
    this.#hooks.subscribed({ room: this.id, recovered, reason, heads, state });
    this.#hooks.call({ room: this.id, call: this.call });
    this.#look(true);
  }

  // ---- events ----

  /** An `event` frame. */
  event(frame) {
    if (this.state !== 'open') return;
    const chain = this.#chains[frame.class];
    if (chain.filling) chain.waiting.push(frame);
    else this.#take(chain, frame);
  }

  /** The gateway says that it has sent everything up to these seqs. */
  proved(heads) {
    if (this.state !== 'open') return;
    for (const name of CLASSES) {
      const chain = this.#chains[name];
      if (!chain.filling && heads[name] > chain.held) this.#fill(name, heads[name]);
    }
    // What was expected and did not come by now has been erased meanwhile.
    if (this.#expected && CLASSES.every((name) => !this.#chains[name].filling)) this.#caughtUp();
  }

  #take(chain, frame) {
    const judged = chain.judge(frame);
    if (judged === 'take') this.#give(chain, frame, frame.seq <= (this.#expected?.[frame.class] ?? 0));
    if (judged !== 'gap') return;
    chain.waiting.push(frame);
    this.#fill(frame.class, frame.prev);
  }

  #give(chain, frame, recovered) {
    const { class: name, seq, prev, event } = frame;
    chain.held = seq;
    // What `subscribed` told of the call holds what stood in the log by then.
    const call = seq > this.heads[name] ? foldCall(this.call, { seq, event }) : this.call;
    const changed = call !== this.call;
    this.call = call;
    this.#hooks.event({ room: this.id, class: name, seq, prev, event, recovered });
    if (changed) this.#hooks.call({ room: this.id, call });
    this.#look();
  }

  /** Fetches what is missing of a chain, up to a seq that the log has, then goes on with what has waited. */
  async #fill(name, upTo) {
    const chain = this.#chains[name];
    const life = this.#life;
    chain.filling = true;
    try {
      await this.#fetch(chain, name, upTo, life);
    } catch (error) {
      if (life === this.#life) {
        chain.filling = false;
        this.failed(error);
      }
      return;
    }
    if (life !== this.#life) return;
    chain.filling = false;
    for (const frame of chain.waiting.splice(0)) this.event(frame);
    this.#look();
    // The two chains of a call were not folded in the order of their seqs: the gateway knows what came of them.
    if (name !== 'msg') this.subscribe();
  }

  async #fetch(chain, name, upTo, life) {
    while (chain.held < upTo) {
      const page = await this.#ask('history', { room: this.id, class: name, after: chain.held, limit: PAGE });
      if (life !== this.#life) return;
      for (const { seq, prev, event } of page.events) {
        if (seq > chain.held) this.#give(chain, { class: name, seq, prev, event }, seq <= upTo);
      }
      if (!page.hasMore && chain.held < upTo) {
        // The log does not keep it any more: it was not recorded, or it was erased.
        this.#hooks.gone({ room: this.id, class: name, after: chain.held, upTo });
        chain.held = upTo;
      }
    }
  }

  /** Tells once that everything that was missed has come. */
  #look(fresh = false) {
    const behind = this.#expected && CLASSES.some((name) => this.#chains[name].held < this.#expected[name]);
    if (behind || (!fresh && this.#expected === null)) return;
    this.#caughtUp();
  }

  #caughtUp() {
    this.#expected = null;
    this.#hooks.caughtUp({ room: this.id });
  }

  // ---- beside the log ----

  /** A `presence` frame: what has changed, or everybody. */
  presenceChanged({ full, members }) {
    if (full) this.presence.clear();
    for (const member of members) {
      if (member.status === 'offline') this.presence.delete(member.userId);
      else this.presence.set(member.userId, member);
    }
  }
}
