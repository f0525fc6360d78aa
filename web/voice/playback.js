/** Plays what the others send, each through an element of its own that nobody sees. */
export class Playback {
  #elements = new Map();
  #output = '';
  #deafened = false;

  /** @param {string} session @param {MediaStream | undefined} stream */
  play(session, stream) {
    const element = this.#elements.get(session);
    if (element?.srcObject === (stream ?? null) || (!element && !stream)) return;
    if (!stream) return this.#remove(session);
    const audio = element ?? this.#make(session);
    audio.srcObject = stream;
    this.#start(audio);
  }

  set deafened(deafened) {
    this.#deafened = deafened;
    for (const audio of this.#elements.values()) audio.muted = deafened;
  }

  /** @param {string} id of an output device, empty for the browser's choice */
  async useOutput(id) {
    if (!('setSinkId' in HTMLMediaElement.prototype)) throw new Error('this browser always plays on its own output');
    this.#output = id;
    await Promise.all([...this.#elements.values()].map((audio) => audio.setSinkId(id)));
  }

  #make(session) {
    const audio = document.createElement('audio');
    audio.autoplay = true;
    audio.hidden = true;
    audio.muted = this.#deafened;
    if (this.#output) audio.setSinkId(this.#output).catch(() => {});
    document.body.append(audio);
    this.#elements.set(session, audio);
    return audio;
  }

  /** A page that nobody has touched yet may not sound; the first touch makes up for it. */
  #start(audio) {
    audio.play().catch((error) => {
      if (error.name !== 'NotAllowedError') return;
      const again = () => audio.play().catch(() => {});
      for (const event of ['pointerdown', 'keydown']) addEventListener(event, again, { once: true });
    });
  }

  #remove(session) {
    const audio = this.#elements.get(session);
    audio.srcObject = null;
    audio.remove();
    this.#elements.delete(session);
  }
}
