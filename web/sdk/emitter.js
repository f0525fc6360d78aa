/** Listeners by name. One that throws is reported as an uncaught error and stops nobody else. */
export class Emitter {
  #listeners = new Map();

  /** @param {string} name @param {(value: any) => void} listener @returns {() => void} takes it off again */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  emit(name, value) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
