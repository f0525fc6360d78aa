const WINDOW = 2048;

/** What is said at a usual distance from a microphone fills the scale. */
const LOUD = 0.25;

let context;

/** One for the page; browsers allow few. It may sleep until somebody has clicked. */
export function audioContext() {
  context ??= new AudioContext();
  if (context.state === 'suspended') context.resume().catch(() => {});
  return context;
}

/** How loud a stream is. The statistics of WebRTC stay at 0 for elements that are muted; this does not. */
export class Meter {
  #source;
  #samples = new Float32Array(WINDOW / 2);

  /** @param {MediaStream} stream with an audio track */
  constructor(stream) {
    this.stream = stream;
    const audio = audioContext();
    this.analyser = audio.createAnalyser();
    this.analyser.fftSize = WINDOW;
    this.analyser.smoothingTimeConstant = 0.2;
    this.#source = audio.createMediaStreamSource(stream);
    this.#source.connect(this.analyser);
  }

  /** From 0, silence, to 1. */
  level() {
    this.analyser.getFloatTimeDomainData(this.#samples);
    let sum = 0;
    for (const sample of this.#samples) sum += sample * sample;
    return Math.min(1, Math.sqrt(sum / this.#samples.length) / LOUD);
  }

  close() {
    this.#source.disconnect();
  }
}
