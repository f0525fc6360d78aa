const LOOKED_AT_EVERY_MS = 50;
const SPEAKS_ABOVE = 0.12;
const SILENT_BELOW = 0.06;

/** Pauses between words are part of speaking. */
const SILENT_FOR_MS = 600;

/** It is told at most this often, and again after this while it lasts: it is forgotten after 6 s. */
const TOLD_EVERY_MS = 250;
const TOLD_AGAIN_MS = 3_000;

/**
 * Whether the user speaks: from a clear sound on until it has been quiet for a while. It is told when it begins and when it
 * ends, and now and then while it lasts, since who says nothing more counts as silent.
 */
export class Speech {
  /** Whether the user speaks now. */
  now = false;

  #quietSince = 0;
  #looking;
  #told = { at: -TOLD_EVERY_MS, speaking: false, timer: undefined };
  #changed;
  #tell;

  /**
   * @param {object} parts
   * @param {() => number} parts.level how loud it is
   * @param {() => void} parts.changed
   * @param {(speaking: boolean) => void} parts.tell tells the others
   */
  constructor({ level, changed, tell }) {
    this.#changed = changed;
    this.#tell = tell;
    this.#looking = setInterval(() => this.#look(level(), performance.now()), LOOKED_AT_EVERY_MS);
  }

  close() {
    clearInterval(this.#looking);
    clearTimeout(this.#told.timer);
  }

  #look(level, now) {
    if (!this.now && level < SPEAKS_ABOVE) return;
    if (level >= SILENT_BELOW) this.#quietSince = now;
    const speaking = now - this.#quietSince < SILENT_FOR_MS;
    if (speaking === this.now) return;
    this.now = speaking;
    this.#changed();
    this.#say();
  }

  #say() {
    const told = this.#told;
    clearTimeout(told.timer);
    told.timer = setTimeout(
      () => {
        const speaking = this.now;
        if (speaking) told.timer = setTimeout(() => this.#say(), TOLD_AGAIN_MS);
        if (!speaking && !told.speaking) return;
        Object.assign(told, { speaking, at: performance.now() });
        this.#tell(speaking);
      },
      Math.max(0, told.at + TOLD_EVERY_MS - performance.now()),
    );
  }
}
