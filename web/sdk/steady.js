/**
 * Says something of a room at once, then at most once in a while. What is given meanwhile replaces what was given before,
 * and the last is said when its time has come, or with `last: false` not at all.
 */
export class Steady {
  #everyMs;
  #platform;
  #say;
  #last;
  #resting = new Map();

  constructor(everyMs, platform, say, { last = true } = {}) {
    this.#everyMs = everyMs;
    this.#platform = platform;
    this.#say = say;
    this.#last = last;
  }

  give(room, value) {
    const resting = this.#resting.get(room);
    if (!resting) this.#now(room, value);
    else if (this.#last) resting.next = { value };
  }

  /** Says anew what could not be said. */
  again() {
    for (const [room, { failed, next }] of this.#resting) {
      const open = next ?? failed;
      if (open) this.#now(room, open.value);
    }
  }

  /** Begins anew with a room. @returns {boolean} whether something was said a short while ago */
  forget(room) {
    const resting = this.#resting.get(room);
    this.#platform.cancel(resting?.timer);
    return this.#resting.delete(room);
  }

  #now(room, value) {
    this.forget(room);
    const resting = { timer: this.#platform.after(() => this.#rested(room), this.#everyMs) };
    this.#resting.set(room, resting);
    Promise.resolve(this.#say(room, value)).catch((error) => {
      if (error.passes) resting.failed = { value };
    });
  }

  #rested(room) {
    const { next, failed } = this.#resting.get(room);
    // What failed stays until there is a connection, or something newer.
    if (next) this.#now(room, next.value);
    else if (!(failed && this.#last)) this.#resting.delete(room);
    else this.#resting.get(room).timer = undefined;
  }
}
