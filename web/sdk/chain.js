/**
 * One chain of a room (`ctl`, `msg` or `call`) as a client holds it: the last seq that was handed on, and the proof that
 * nothing is missing. Each event names the seq of the one before it, so a gap shows.
 */
export class Chain {
  /** Events that came while an earlier one was missing, in the order of the wire. @type {object[]} */
  waiting = [];
  /** Whether what is missing is being fetched. */
  filling = false;

  /** @param {number} held the last seq that is held */
  constructor(held) {
    this.held = held;
  }

  /**
   * What to do with an event: `drop` one that is held already, `take` one that follows on what is held, and fetch what
   * is missing (`gap`) before one that does not.
   */
  judge({ seq, prev }) {
    if (seq <= this.held) return 'drop';
    return prev <= this.held ? 'take' : 'gap';
  }
}
