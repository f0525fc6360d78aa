/** Candidates that come within this go out together. */
const GATHER_MS = 30;

/** How long the one who is to begin may take before the other does. */
const BEGIN_WITHIN_MS = 8_000;

/** How long a way may be interrupted before another is looked for. */
const INTERRUPTED_MS = 3_000;

/** How long the first way may take, and each one that is looked for after it. */
const FIRST_WITHIN_MS = 10_000;
const AGAIN_MS = 5_000;

/** How many candidates are kept for a description that has not come yet. */
const EARLY = 200;

/**
 * The way to one other device in the call. Both may ask for a change at any time: where they do so at once the polite
 * one, whose session id is the smaller, takes its own back ("perfect negotiation", W3C WebRTC 1.0, section 10.7). Who
 * joined later begins. A way that fails is looked for again (ICE restart) for as long as both are in the call.
 *
 * What goes over `voice.signal` is `{from, to?, description?, streams?, candidates?}`: `from` and `to` name the two
 * RTCPeerConnections, so that what belongs to one that is gone is not taken for the present one's.
 */
export class Peer {
  /** The other side's streams by what they are: `voice`, `camera`, `screen`. @type {Map<string, MediaStream>} */
  streams = new Map();

  #id = crypto.randomUUID();
  #other;
  #pc;
  #polite;
  #parts;
  /** What the other side's streams are, by their ids; what each of our senders sends. */
  #kinds = {};
  #sent = new Map();
  #offering = false;
  #ignoring = false;
  #waiting = [];
  #early = [];
  #timers = new Map();
  #line = Promise.resolve();
  #begun = false;
  #closed = false;

  /**
   * @param {object} parts
   * @param {boolean} parts.polite
   * @param {boolean} parts.begins whether this side makes the first offer
   * @param {() => Promise<RTCIceServer[]>} parts.servers fresh ones
   * @param {RTCIceServer[]} parts.iceServers those to begin with
   * @param {() => {kind: string, track: MediaStreamTrack, stream: MediaStream}[]} parts.tracks what this side sends
   * @param {(data: object) => void} parts.send
   * @param {() => void} parts.changed streams or state are others
   */
  constructor(parts) {
    this.#parts = parts;
    this.#polite = parts.polite;
    this.#pc = new RTCPeerConnection({ iceServers: parts.iceServers });
    this.#pc.onnegotiationneeded = () => this.#offer();
    this.#pc.onicecandidate = ({ candidate }) => this.#candidate(candidate);
    this.#pc.onconnectionstatechange = () => this.#look();
    this.#pc.ontrack = (event) => this.#track(event);
    if (parts.begins) this.#begin();
    else this.#timer('begin', BEGIN_WITHIN_MS, () => this.#begin());
  }

  get state() {
    return this.#pc.connectionState;
  }

  /** Statistics of the way, see quality.js. */
  stats() {
    return this.#pc.getStats();
  }

  /** What this side sends has changed. Another device of the same kind needs no negotiation. */
  refresh() {
    if (!this.#begun) return;
    const wanted = new Map(this.#parts.tracks().map((one) => [one.kind, one]));
    for (const [sender, kind] of this.#sent) {
      const next = wanted.get(kind);
      wanted.delete(kind);
      if (next) {
        if (next.track !== sender.track) sender.replaceTrack(next.track).catch(() => this.#look());
      } else {
        this.#sent.delete(sender);
        this.#pc.removeTrack(sender);
      }
    }
    for (const one of wanted.values()) this.#add(one);
  }

  #add({ kind, track, stream }) {
    this.#sent.set(this.#pc.addTrack(track, stream), kind);
  }

  /** Looks for a way anew unless there is one. */
  async restart() {
    if (this.#closed || this.state === 'connected' || !this.#begun) return;
    this.#timer('again', AGAIN_MS, () => this.restart());
    // An offer that was not answered may have been lost on its way; what comes twice does no harm.
    if (this.#pc.signalingState === 'have-local-offer') return this.#describe();
    const iceServers = await this.#parts.servers();
    if (this.#closed || this.state === 'connected') return;
    this.#pc.setConfiguration({ iceServers });
    this.#pc.restartIce();
  }

  /**
   * A signal of the other side, as `signalOf` reads it. They are taken in one after the other.
   * @returns {boolean} false: the other side has begun anew
   */
  signal(signal) {
    const { from, to, description } = signal;
    if (to !== undefined && to !== this.#id) return true;
    if (this.#other !== undefined && from !== this.#other) return description?.type !== 'offer';
    this.#other ??= from;
    this.#line = this.#line.then(() => this.#take(signal)).catch(() => this.#look());
    return true;
  }

  close() {
    this.#closed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#pc.onnegotiationneeded = this.#pc.onicecandidate = this.#pc.ontrack = this.#pc.onconnectionstatechange = null;
    this.#pc.close();
  }

  // ---- negotiation ----

  #begin() {
    if (this.#begun || this.#closed) return;
    this.#stop('begin');
    this.#begun = true;
    this.#timer('again', FIRST_WITHIN_MS, () => this.restart());
    for (const one of this.#parts.tracks()) this.#add(one);
  }

  async #offer() {
    try {
      this.#offering = true;
      await this.#pc.setLocalDescription();
      this.#describe();
    } catch {
      this.#look();
    } finally {
      this.#offering = false;
    }
  }

  #describe() {
    if (this.#closed) return;
    const { type, sdp } = this.#pc.localDescription;
    const streams = Object.fromEntries(this.#parts.tracks().map(({ kind, stream }) => [stream.id, kind]));
    this.#parts.send({ from: this.#id, to: this.#other, description: { type, sdp }, streams });
  }

  async #take({ description, streams, candidates }) {
    if (this.#closed) return;
    if (description) await this.#described(description, streams);
    for (const candidate of candidates) await this.#candidateOfOther(candidate);
  }

  async #described(description, streams) {
    const collision = description.type === 'offer' && (this.#offering || this.#pc.signalingState !== 'stable');
    this.#ignoring = collision && !this.#polite;
    if (this.#ignoring) return;
    this.#kinds = streams ?? this.#kinds;
    await this.#pc.setRemoteDescription(description);
    for (const candidate of this.#early.splice(0)) await this.#pc.addIceCandidate(candidate).catch(() => {});
    if (description.type !== 'offer') return;
    this.#begin();
    await this.#pc.setLocalDescription();
    this.#describe();
  }

  async #candidateOfOther(candidate) {
    if (!this.#pc.remoteDescription) {
      if (this.#early.length < EARLY) this.#early.push(candidate);
      return;
    }
    try {
      await this.#pc.addIceCandidate(candidate);
    } catch (error) {
      if (!this.#ignoring) throw error;
    }
  }

  #candidate(candidate) {
    if (!candidate) return;
    this.#waiting.push(candidate.toJSON());
    if (this.#timers.has('gather')) return;
    this.#timer('gather', GATHER_MS, () => {
      this.#parts.send({ from: this.#id, to: this.#other, candidates: this.#waiting.splice(0) });
    });
  }

  // ---- what comes of it ----

  #track({ track, streams: [stream] }) {
    if (!stream) return;
    // Only pictures have to be told apart: a voice is what sounds, whatever the other side calls it.
    const picture = this.#kinds[stream.id] === 'screen' ? 'screen' : 'camera';
    const kind = track.kind === 'audio' ? 'voice' : picture;
    this.streams.set(kind, stream);
    stream.onremovetrack = () => {
      if (stream.getTracks().length > 0 || this.streams.get(kind) !== stream) return;
      this.streams.delete(kind);
      this.#parts.changed();
    };
    this.#parts.changed();
  }

  #look() {
    if (this.#closed) return;
    if (this.state === 'failed') this.restart();
    else if (this.state === 'disconnected') this.#timer('interrupted', INTERRUPTED_MS, () => this.restart());
    else if (this.state === 'connected') ['again', 'interrupted'].forEach((name) => this.#stop(name));
    this.#parts.changed();
  }

  #timer(name, ms, work) {
    this.#stop(name);
    this.#timers.set(
      name,
      setTimeout(() => {
        this.#timers.delete(name);
        work();
      }, ms),
    );
  }

  #stop(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}
