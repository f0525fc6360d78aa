// A clock that moves when the test moves it, and gateways in memory that speak the protocol as far as the SDK needs it:
// they keep a log of their own, and a test cuts, withholds and refuses what it likes.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= webcrypto;

/** Lets everything that needs no time happen. */
export async function settle() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}

export class Time {
  now = 1_000_000;
  #timers = new Set();

  after = (work, ms) => {
    const timer = { at: this.now + ms, work };
    this.#timers.add(timer);
    return timer;
  };

  cancel = (timer) => this.#timers.delete(timer);

  /** Moves on, timer by timer. */
  async pass(ms) {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((one, other) => one.at - other.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.now = Math.max(this.now, due.at);
      due.work();
    }
    this.now = end;
    await settle();
  }
}

/** What all gateways share: rooms with their chains, as the log has them. */
export class Log {
  seq = 0;
  rooms = new Map();

  room(id) {
    if (!this.rooms.has(id)) this.rooms.set(id, { ctl: [], msg: [], call: [], state: {} });
    return this.rooms.get(id);
  }

  append(id, name, type, data) {
    const chain = this.room(id)[name];
    const entry = { seq: ++this.seq, prev: chain.at(-1)?.seq ?? 0, event: { type: `voxlog.${type}.v1`, data } };
    chain.push(entry);
    return entry;
  }

  heads(id) {
    const head = (chain) => chain.at(-1)?.seq ?? 0;
    const { ctl, msg, call } = this.room(id);
    return { ctl: head(ctl), msg: head(msg), call: head(call) };
  }
}

/** Some gateways on one log. `WebSocket` is the class that connects to them. */
export class Network {
  log = new Log();
  /** Sockets that clients have opened, in order. */
  sockets = [];
  /** Origins behind which nothing answers. */
  down = new Set();
  /** Tokens that are refused. */
  refused = new Set();
  /** What clients have sent, in order. */
  sent = [];
  /** Sessions that may be resumed. */
  sessions = new Set();
  /** Looks at a client's frame before the gateway does; what it returns is the answer, `null` is none. */
  intercept = () => undefined;

  constructor(time) {
    const network = this;
    this.time = time;
    this.WebSocket = class {
      constructor(url, protocol) {
        Object.assign(this, { url, protocol, network, open: true, subscribed: new Set() });
        network.sockets.push(this);
        setImmediate(() => {
          if (network.down.has(new URL(url).host)) this.cut(1006);
          else this.onopen?.();
        });
      }

      send(text) {
        if (this.open) network.#heard(this, JSON.parse(text));
      }

      close() {
        this.open = false;
      }

      /** The connection ends as the client sees it. */
      cut(code = 1006) {
        this.open = false;
        setImmediate(() => this.onclose?.({ code }));
      }

      /** A frame for the client. */
      tell(frame) {
        setImmediate(() => {
          if (this.open) this.onmessage?.({ data: JSON.stringify(frame) });
        });
      }
    };
  }

  /** The socket that is in use. */
  get socket() {
    return this.sockets.at(-1);
  }

  /** What clients have sent with this op. */
  ops(op) {
    return this.sent.filter((frame) => frame.op === op);
  }

  /** An event that everybody who has the room open is told of. */
  append(room, name, type, data) {
    const entry = this.log.append(room, name, type, data);
    this.deliver(room, name, entry);
    return entry;
  }

  deliver(room, name, entry) {
    for (const socket of this.sockets) {
      if (socket.open && socket.subscribed.has(room)) socket.tell({ op: 'event', room, class: name, ...entry });
    }
  }

  say(room, content, messageId = content) {
    return this.append(room, 'msg', 'message.posted', { messageId, content });
  }

  #heard(socket, frame) {
    this.sent.push(frame);
    const answer = this.intercept(frame, socket) ?? this.#answer(socket, frame);
    if (answer && answer.op !== 'nothing') socket.tell({ ...answer, id: frame.id });
    if (frame.op === 'subscribe' && answer?.op === 'subscribed') this.#follow(socket, frame);
  }

  #answer(socket, frame) {
    switch (frame.op) {
      case 'hello': {
        if (this.refused.has(frame.token)) return { op: 'error', code: 'unauthenticated', detail: 'no' };
        const resumed = this.sessions.has(frame.resume?.session);
        socket.session ??= resumed ? frame.resume.session : `session-${this.sockets.length}`;
        this.sessions.add(socket.session);
        return { op: 'welcome', session: socket.session, resumed, user: 'me', heartbeatMs: 20000, limits: {} };
      }
      case 'subscribe': {
        const { state } = this.log.room(frame.room);
        return {
          op: 'subscribed',
          room: frame.room,
          recovered: Boolean(frame.cursor),
          heads: this.log.heads(frame.room),
          state,
        };
      }
      case 'history': {
        const chain = this.log.room(frame.room)[frame.class].filter(({ seq }) => seq > frame.after);
        const events = chain.slice(0, frame.limit);
        return { op: 'page', room: frame.room, events, hasMore: events.length < chain.length };
      }
      case 'message.send': {
        const chain = this.log.room(frame.room).msg;
        const known = chain.find(({ event }) => event.data.messageId === frame.messageId);
        const { seq } = known ?? this.say(frame.room, frame.content, frame.messageId);
        return { op: 'ack', room: frame.room, seq, messageId: frame.messageId, ...(known && { duplicate: true }) };
      }
      case 'ping':
        return { op: 'pong' };
      default:
        return { op: 'ack' };
    }
  }

  #follow(socket, { room, cursor }) {
    socket.subscribed.add(room);
    if (!cursor) return;
    for (const name of ['ctl', 'msg', 'call']) {
      const missed = this.log.room(room)[name].filter(({ seq }) => seq > cursor[name]);
      for (const entry of missed) socket.tell({ op: 'event', room, class: name, ...entry });
    }
  }
}
