const POOR = { rttMs: 400, lossPct: 8 };
const FAIR = { rttMs: 180, lossPct: 2 };

/** How good the way to one other device is, from the browser's statistics since the last look. */
export class Quality {
  quality = 'connecting';
  rttMs;
  lossPct;
  #lost = 0;
  #received = 0;

  /** @param {import('./peer.js').Peer} peer */
  async look(peer) {
    const state = peer.state;
    if (state !== 'connected') {
      this.quality = state === 'failed' || state === 'disconnected' ? 'lost' : 'connecting';
      return;
    }
    const stats = [...(await peer.stats()).values()];
    const pair = stats.find((one) => one.type === 'candidate-pair' && one.nominated && one.state === 'succeeded');
    if (pair?.currentRoundTripTime !== undefined) this.rttMs = pair.currentRoundTripTime * 1000;
    this.#loss(stats.filter((one) => one.type === 'inbound-rtp' && one.kind === 'audio'));
    const beyond = (bound) => (this.rttMs ?? 0) > bound.rttMs || (this.lossPct ?? 0) > bound.lossPct;
    this.quality = beyond(POOR) ? 'poor' : beyond(FAIR) ? 'fair' : 'good';
  }

  #loss(inbound) {
    const sum = (name) => inbound.reduce((total, one) => total + Math.max(0, one[name] ?? 0), 0);
    const [lost, received] = [sum('packetsLost'), sum('packetsReceived')];
    const came = received - this.#received;
    const missed = Math.max(0, lost - this.#lost);
    if (came + missed > 0) this.lossPct = (100 * missed) / (came + missed);
    [this.#lost, this.#received] = [lost, received];
  }
}
