/** How long a signal rests that could not be sent, unless the gateway says when again. */
const REST_MS = 500;

/**
 * Signals on their way to the others of a call, in order. What finds no connection waits for the next; the gateway keeps
 * what it has for those who are just reconnecting.
 */
export class Outgoing {
  #client;
  #room;
  #queue = [];
  #sending = false;
  #off;
  #closed = false;

  constructor(client, room) {
    this.#client = client;
    this.#room = room;
    this.#off = client.on('welcome', () => this.#send());
  }

  send(to, data) {
    this.#queue.push({ to, data });
    this.#send();
  }

  /** Nothing more for somebody who is out. */
  forget(session) {
    this.#queue = this.#queue.filter(({ to }) => to !== session);
  }

  close() {
    this.#closed = true;
    this.#off();
  }

  async #send() {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#queue.length > 0 && !this.#closed) {
      const signal = this.#queue[0];
      try {
        await this.#client.command('voice.signal', { room: this.#room, ...signal });
      } catch (error) {
        if (error.code === 'offline') break;
        if (error.passes) {
          await new Promise((resolve) => {
            setTimeout(resolve, error.retryAfterMs ?? REST_MS);
          });
          continue;
        }
        // They are not in the call any more, or we are not: the call's state will say so.
      }
      if (this.#queue[0] === signal) this.#queue.shift();
    }
    this.#sending = false;
  }
}
