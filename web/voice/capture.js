/**
 * What this device sends: a microphone always, a camera and a screen at will. Each is a stream of its own, so that the
 * others can tell them apart.
 */
export class Capture {
  /** @type {Map<'voice' | 'camera' | 'screen', MediaStream>} */
  streams = new Map();
  #changed;

  /** @param {() => void} changed a stream is there, or gone */
  constructor(changed) {
    this.#changed = changed;
  }

  tracks() {
    return [...this.streams].flatMap(([kind, stream]) => stream.getTracks().map((track) => ({ kind, stream, track })));
  }

  /** @param {{deviceId?: string, processing: boolean}} how `processing`: echo, noise and loudness are seen to */
  async microphone({ deviceId, processing }) {
    const audio = { echoCancellation: processing, noiseSuppression: processing, autoGainControl: processing };
    if (deviceId) audio.deviceId = { exact: deviceId };
    this.#put('voice', await wanted('microphone', () => navigator.mediaDevices.getUserMedia({ audio })));
  }

  async camera({ deviceId }) {
    const video = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 24 } };
    if (deviceId) video.deviceId = { exact: deviceId };
    this.#put('camera', await wanted('camera', () => navigator.mediaDevices.getUserMedia({ video })));
  }

  /** @param {() => void} ended the user has ended it in the browser's own bar */
  async screen(ended) {
    const video = { frameRate: { ideal: 15 } };
    const stream = await wanted('screen', () => navigator.mediaDevices.getDisplayMedia({ video }));
    stream.getVideoTracks()[0].onended = ended;
    this.#put('screen', stream);
  }

  /** Takes one away. */
  end(kind) {
    if (!this.streams.has(kind)) return;
    stop(this.streams.get(kind));
    this.streams.delete(kind);
    this.#changed();
  }

  close() {
    this.streams.forEach(stop);
    this.streams.clear();
  }

  #put(kind, stream) {
    if (this.streams.has(kind)) stop(this.streams.get(kind));
    this.streams.set(kind, stream);
    this.#changed();
  }
}

const stop = (stream) => stream.getTracks().forEach((track) => track.stop());

const WHY = {
  NotAllowedError: (what) => `the ${what} was refused`,
  NotFoundError: (what) => `there is no ${what}`,
  NotReadableError: (what) => `the ${what} is used by another program`,
  OverconstrainedError: (what) => `that ${what} is not there any more`,
};

async function wanted(what, ask) {
  if (!navigator.mediaDevices) throw new Error(`the browser gives no ${what} to pages without HTTPS`);
  try {
    return await ask();
  } catch (error) {
    throw new Error(WHY[error.name]?.(what) ?? `the ${what} does not work: ${error.message}`);
  }
}
