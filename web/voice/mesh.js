import { Meter } from './levels.js';
import { Outgoing } from './outgoing.js';
import { Peer } from './peer.js';
import { Playback } from './playback.js';
import { Quality } from './quality.js';
import { signalOf } from './signal.js';

const QUALITY_EVERY_MS = 2_000;

/** How many signals are kept of a device that the log does not show in the call yet. */
const EARLY = 100;

/** The ways to all others in a call, what comes over them, how loud that is and how well it comes. */
export class Mesh {
  #client;
  #capture;
  #changed;
  #playback;
  #others = new Map();
  #early = new Map();
  #outgoing;
  #iceServers;
  #timer;

  /**
   * @param {object} parts
   * @param {import('../sdk/client.js').Client} parts.client
   * @param {string} parts.room
   * @param {RTCIceServer[]} parts.iceServers
   * @param {import('./capture.js').Capture} parts.capture what this device sends
   * @param {Playback} parts.playback
   * @param {() => void} parts.changed
   */
  constructor({ client, room, iceServers, capture, playback, changed }) {
    this.#client = client;
    this.#capture = capture;
    this.#changed = changed;
    this.#playback = playback;
    this.#iceServers = iceServers;
    this.#outgoing = new Outgoing(client, room);
    this.#timer = setInterval(() => {
      for (const session of this.#others.keys()) this.#look(session);
    }, QUALITY_EVERY_MS);
  }

  /** @returns {{peer: Peer, quality: Quality, meter?: Meter} | undefined} what there is of another device */
  of(session) {
    return this.#others.get(session);
  }

  /** Connects with exactly those who are in the call. */
  follow(call) {
    const own = this.#client.session;
    const order = call.participants.map((one) => one.session);
    for (const session of [...this.#others.keys()]) if (!order.includes(session)) this.#part(session);
    for (const session of order) {
      if (session === own || this.#others.has(session)) continue;
      this.#meet(session, order.indexOf(session) < order.indexOf(own));
    }
  }

  /** A signal of another device, whatever it says. */
  signal(session, data) {
    const signal = signalOf(data);
    if (!signal) return;
    const other = this.#others.get(session);
    // A signal does not wait for the log: who has just joined may be heard before they are seen.
    if (!other) this.#keep(session, signal);
    else if (!other.peer.signal(signal)) {
      // The other side has begun anew, and so do we.
      this.#part(session);
      this.#meet(session, false).signal(signal);
    }
  }

  /** What this device sends has changed. */
  refresh() {
    for (const { peer } of this.#others.values()) peer.refresh();
  }

  /** Looks for new ways where there is none. */
  restart() {
    for (const { peer } of this.#others.values()) peer.restart();
  }

  close() {
    clearInterval(this.#timer);
    for (const session of [...this.#others.keys()]) this.#part(session);
    this.#outgoing.close();
  }

  #meet(session, begins) {
    const peer = new Peer({
      polite: this.#client.session < session,
      begins,
      iceServers: this.#iceServers,
      servers: () => this.#freshServers(),
      tracks: () => this.#capture.tracks(),
      send: (data) => this.#outgoing.send(session, data),
      changed: () => this.#streamed(session),
    });
    this.#others.set(session, { peer, quality: new Quality() });
    for (const signal of this.#early.get(session) ?? []) peer.signal(signal);
    this.#early.delete(session);
    return peer;
  }

  #part(session) {
    const { peer, meter } = this.#others.get(session);
    peer.close();
    meter?.close();
    this.#others.delete(session);
    this.#outgoing.forget(session);
    this.#playback.play(session, undefined);
  }

  #keep(session, signal) {
    const kept = this.#early.get(session) ?? [];
    if (kept.length < EARLY) this.#early.set(session, [...kept, signal]);
  }

  #streamed(session) {
    const other = this.#others.get(session);
    const stream = other?.peer.streams.get('voice');
    if (!other) return;
    this.#playback.play(session, stream);
    if (other.meter?.stream !== stream) {
      other.meter?.close();
      other.meter = stream && new Meter(stream);
    }
    this.#look(session);
  }

  async #look(session) {
    const other = this.#others.get(session);
    await other?.quality.look(other.peer).catch(() => {});
    this.#changed();
  }

  async #freshServers() {
    const answer = await this.#client.rest('GET', '/voice/ice-servers').catch(() => null);
    if (answer) this.#iceServers = answer.iceServers;
    return this.#iceServers;
  }
}
