// Connections between devices in memory: they negotiate as WebRTC does, as far as the mesh needs it, and carry nothing.
import { VoxlogError } from '../../../web/sdk.js';

const SDP = 'v=0';

export class Connection {
  /** Those that were made, in order. @type {Connection[]} */
  static made = [];

  signalingState = 'stable';
  connectionState = 'new';
  localDescription = null;
  remoteDescription = null;
  candidates = [];

  constructor() {
    Connection.made.push(this);
  }

  addTrack(track) {
    // What is there before the answer goes with it.
    if (this.signalingState === 'stable') queueMicrotask(() => this.onnegotiationneeded?.());
    return { track };
  }

  async setLocalDescription() {
    const answers = this.signalingState === 'have-remote-offer';
    this.localDescription = { type: answers ? 'answer' : 'offer', sdp: SDP };
    this.signalingState = answers ? 'stable' : 'have-local-offer';
  }

  async setRemoteDescription({ type, sdp }) {
    if (sdp !== SDP) throw new TypeError('no SDP');
    if (type === 'answer' && this.signalingState !== 'have-local-offer') throw new TypeError('nothing to answer');
    this.remoteDescription = { type, sdp };
    this.signalingState = type === 'offer' ? 'have-remote-offer' : 'stable';
  }

  async addIceCandidate(candidate) {
    if (typeof candidate.candidate !== 'string') throw new TypeError('no candidate');
    this.candidates.push(candidate.candidate);
  }

  /** Something comes over it. */
  gives(kind, stream) {
    this.ontrack({ track: { kind }, streams: [stream] });
  }

  close() {
    this.connectionState = 'closed';
  }
}

/** A client that notes what was sent, unless `refuse` has an error for it. */
export class Sender {
  session = 'own';
  /** What was taken, in order. */
  sent = [];
  refuse = () => undefined;

  on = () => () => {};

  command = async (_, signal) => {
    const refusal = this.refuse(signal);
    if (refusal) throw new VoxlogError(...refusal);
    this.sent.push(signal);
  };

  /** What was sent to one device. */
  to(session) {
    return this.sent.filter(({ to }) => to === session).map(({ data }) => data);
  }
}

export const offer = (from, more) => ({ from, description: { type: 'offer', sdp: SDP }, ...more });
export const answer = (from, to) => ({ from, to, description: { type: 'answer', sdp: SDP } });
