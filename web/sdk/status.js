/** How often what only counts (round trip, last seq) is told. What matters is told at once. */
const TOLD_EVERY_MS = 250;

/** How the connection is, as one looks at it: the link and the rooms together, and what came of the last reconnect. */
export class Status {
  #link;
  #rooms;
  #platform;
  #tell;
  #lastSeq = 0;
  #recovered = null;
  #been = false;
  #told = '';
  #timer;

  constructor(link, rooms, platform, tell) {
    this.#link = link;
    this.#rooms = rooms;
    this.#platform = platform;
    this.#tell = tell;
  }

  now() {
    const { attempt, retryAt, reason, rttMs } = this.#link;
    return {
      state: this.#state(),
      attempt,
      retryAt,
      reason,
      rttMs,
      lastSeq: this.#lastSeq,
      recovered: this.#recovered,
    };
  }

  /** There is a connection again, or for the first time. */
  welcomed() {
    if (this.#been) this.#recovered = 0;
    this.#been = true;
    this.look();
  }

  /** An event was handed on. */
  seen(seq, recovered) {
    this.#lastSeq = Math.max(this.#lastSeq, seq);
    if (recovered) this.#recovered = (this.#recovered ?? 0) + 1;
    this.look();
  }

  /** A room begins from its state, which stands for all events up to its heads. */
  begun(heads) {
    this.#lastSeq = Math.max(this.#lastSeq, ...Object.values(heads));
  }

  /** Nothing of what was counts any more. */
  forget() {
    this.#lastSeq = 0;
    this.#recovered = null;
    this.#been = false;
    this.look();
  }

  /** Something may have changed. */
  look() {
    const now = this.now();
    const weighty = `${now.state} ${now.attempt} ${now.retryAt} ${now.reason}`;
    if (weighty !== this.#told) {
      this.#told = weighty;
      this.#platform.cancel(this.#timer);
      this.#timer = undefined;
      this.#tell(now);
    } else {
      this.#timer ??= this.#platform.after(() => {
        this.#timer = undefined;
        this.#tell(this.now());
      }, TOLD_EVERY_MS);
    }
  }

  #state() {
    switch (this.#link.state) {
      case 'online':
        return [...this.#rooms.values()].every((room) => room.caughtUp) ? 'online' : 'catching-up';
      case 'waiting':
        return 'offline';
      case 'connecting':
        return this.#been || this.#link.attempt > 0 ? 'offline' : 'connecting';
      case 'ended':
        return 'ended';
      default:
        return 'offline';
    }
  }
}
