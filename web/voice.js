/**
 * A voice for the client of sdk.js: calls as a mesh, each device connected to each by WebRTC. Who is in the call is what
 * the log says, so somebody who leaves, is kicked or muted in the room is cut off at that very event. The media know
 * nothing of the socket: it may be lost and come back, and the gateway may die, while the talking goes on.
 */
import { Emitter } from './sdk/emitter.js';
import { Capture } from './voice/capture.js';
import { Meter } from './voice/levels.js';
import { Mesh } from './voice/mesh.js';
import { Playback } from './voice/playback.js';
import { settings } from './voice/settings.js';
import { Speech } from './voice/speech.js';

/** How many signals are kept until we are told that we are in the call. */
const EARLY = 500;

const NOWHERE = { session: null, userId: null, since: Infinity };

/** Whoever this happens to in the room is out of its call. */
const OUT = new Set(['left', 'kicked', 'banned', 'muted'].map((what) => `voxlog.member.${what}.v1`));

/**
 * The one voice of a client: in one call at a time.
 *
 * Events, by `on(name, listener)`: `change` (anything but levels), `devices` (some were plugged in or out), `ended`
 * `{room, error?}` (the call is over for this device without its having left).
 */
export class Voice {
  /** `idle`, `joining`, `joined`, or `reconnecting`: there is no socket, or the call is joined anew. */
  state = 'idle';
  /** The room of the call, or null. */
  room = null;
  muted = false;
  deafened = false;
  video = false;
  screen = false;

  #client;
  #emitter = new Emitter();
  #settings = settings();
  #capture = new Capture(() => this.#captured());
  #playback = new Playback();
  #mesh;
  #early = [];
  #own;
  #speech;
  /** The session and the user under which the place was taken, and the seq from which the log shows it. */
  #place = NOWHERE;
  #over = false;
  #told = false;

  /** @param {import('./sdk/client.js').Client} client */
  constructor(client) {
    this.#client = client;
    client.on('call', ({ room }) => {
      if (room === this.room) this.#sync();
    });
    client.on('event', (what) => {
      if (what.room === this.room) this.#heard(what);
    });
    client.on('caught-up', ({ room }) => {
      if (room === this.room) this.#sync();
    });
    client.on('signal', (frame) => {
      if (frame.room === this.room) this.#signalled(frame);
    });
    client.on('welcome', ({ resumed }) => this.#welcomed(resumed));
    client.on('status', ({ state }) => this.#statusChanged(state));
    client.on('lost', ({ room, error }) => {
      if (room === this.room) this.#end(error);
    });
    client.on('speaking', ({ room }) => {
      if (room === this.room) this.#change();
    });
    client.on('user', (user) => {
      if (!user) this.#end();
    });
    navigator.mediaDevices?.addEventListener('devicechange', () => this.#emitter.emit('devices'));
    // A page that goes says so; one that can't is taken out of the call after some seconds.
    globalThis.addEventListener('pagehide', () => {
      if (this.room) this.leave();
    });
  }

  on(name, listener) {
    return this.#emitter.on(name, listener);
  }

  // ---- the call ----

  /** The call that this voice is in, as the log says, or null. */
  get call() {
    return (this.room && this.#client.room(this.room)?.call) ?? null;
  }

  /**
   * Everybody in the call, in the order in which they joined. `quality` is `good`, `fair`, `poor`, `connecting` or `lost`.
   * @returns {{session: string, userId: string, self: boolean, muted: boolean, deafened: boolean, video: boolean,
   *   screen: boolean, speaking: boolean, level: number, quality: string, rttMs?: number, lossPct?: number,
   *   stream?: MediaStream}[]}
   */
  get participants() {
    const speaking = this.#client.room(this.room)?.speaking ?? new Set();
    return (this.call?.participants ?? []).map((one) => {
      const self = one.session === this.#client.session;
      const other = this.#mesh?.of(one.session);
      const streams = self ? this.#capture.streams : other?.peer.streams;
      const { quality, rttMs, lossPct } = self ? { quality: 'good' } : (other?.quality ?? { quality: 'connecting' });
      return {
        ...one,
        self,
        speaking: self ? Boolean(this.#speech?.now) : speaking.has(one.session),
        level: this.level(one.session),
        quality,
        rttMs,
        lossPct,
        stream: streams?.get('screen') ?? streams?.get('camera'),
      };
    });
  }

  /** How loud somebody is, from 0 to 1. Cheap: made to be asked for every frame. */
  level(session) {
    if (session !== this.#client.session) return this.#mesh?.of(session)?.meter?.level() ?? 0;
    return this.#silent ? 0 : (this.#own?.level() ?? 0);
  }

  /** The spectrum of what comes from another device, as it comes. @returns {AnalyserNode | undefined} */
  remoteAnalyser(session) {
    return this.#mesh?.of(session)?.meter?.analyser;
  }

  /** Takes a place in a room's call, and begins it if there is none. @param {{muted?: boolean, video?: boolean}} [how] */
  async join(room, { muted = false, video = false } = {}) {
    if (this.room === room) return;
    if (this.room) await this.leave();
    this.#client.subscribe(room);
    Object.assign(this, { room, muted, deafened: false, video: false, screen: false });
    this.#over = false;
    this.#to('joining');
    try {
      const { input: deviceId, processing } = this.#settings.values;
      await this.#capture.microphone({ deviceId, processing });
      if (video) await this.#capture.camera({ deviceId: this.#settings.values.camera });
      this.video = video;
      if (this.room !== room) return this.#capture.close();
      await this.#enter();
    } catch (error) {
      this.#teardown();
      throw error;
    }
  }

  /** Gives the place up. */
  async leave() {
    const { room } = this;
    if (!room) return;
    this.#teardown();
    await this.#client.command('voice.leave', { room }).catch(() => {});
  }

  // ---- what others hear and see ----

  setMuted(muted) {
    return this.#update({ muted });
  }

  /** Who hears nothing is not heard either. */
  setDeafened(deafened) {
    return this.#update({ deafened });
  }

  async setVideo(video) {
    if (video) await this.#capture.camera({ deviceId: this.#settings.values.camera });
    else this.#capture.end('camera');
    await this.#update({ video });
  }

  async setScreen(screen) {
    if (screen) await this.#capture.screen(() => this.setScreen(false).catch(() => {}));
    else this.#capture.end('screen');
    await this.#update({ screen });
  }

  // ---- devices ----

  get inputId() {
    return this.#settings.values.input ?? '';
  }

  get outputId() {
    return this.#settings.values.output ?? '';
  }

  get cameraId() {
    return this.#settings.values.camera ?? '';
  }

  /** Whether the browser sees to echo, noise and loudness. Music is better without. */
  get processing() {
    return this.#settings.values.processing;
  }

  /** What there is to choose from. Names are empty until the user has let the page use one. */
  async devices() {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const of = (kind) => all.filter((one) => one.kind === kind).map(({ deviceId, label }) => ({ id: deviceId, label }));
    return { inputs: of('audioinput'), outputs: of('audiooutput'), cameras: of('videoinput') };
  }

  async useInput(id) {
    await this.#useMicrophone({ input: id });
  }

  async setProcessing(processing) {
    await this.#useMicrophone({ processing });
  }

  async useOutput(id) {
    await this.#playback.useOutput(id);
    this.#settings.keep({ output: id });
    this.#change();
  }

  async useCamera(id) {
    if (this.#capture.streams.has('camera')) await this.#capture.camera({ deviceId: id });
    this.#settings.keep({ camera: id });
    this.#change();
  }

  async #useMicrophone(change) {
    const { input: deviceId, processing } = { ...this.#settings.values, ...change };
    if (this.#capture.streams.has('voice')) await this.#capture.microphone({ deviceId, processing });
    this.#settings.keep(change);
    this.#change();
  }

  // ---- following the log ----

  async #enter() {
    const { room, muted, deafened, video, screen } = this;
    const answer = await this.#client.command('voice.join', { room, muted, deafened, video });
    if (this.room !== room) return;
    const own = answer.call.participants.find((one) => one.session === this.#client.session);
    this.#place = { session: own.session, userId: own.userId, since: answer.seq ?? 0 };
    const { iceServers = [] } = answer;
    const parts = {
      client: this.#client,
      capture: this.#capture,
      playback: this.#playback,
      changed: () => this.#change(),
    };
    this.#leaveMesh();
    this.#mesh = new Mesh({ ...parts, room, iceServers });
    if (this.#settings.values.output) this.#playback.useOutput(this.#settings.values.output).catch(() => {});
    this.#to('joined');
    if (screen) this.#client.command('voice.update', { room, screen }).catch(() => {});
    this.#mesh.follow(answer.call);
    for (const signal of this.#early.splice(0)) this.#mesh.signal(...signal);
    this.#sync();
  }

  /** Makes the peers those whom the log says to be in the call. */
  #sync() {
    const { call } = this;
    const room = this.#client.room(this.room);
    if (!this.#mesh) return;
    // What the room shows may be older than our own joining, or not yet whole after a reconnect.
    if (!room || room.state !== 'open' || room.cursor.call < this.#place.since) return;
    const inside = call?.participants.some((one) => one.session === this.#client.session);
    if (inside) this.#mesh.follow(call);
    else if (this.#over || room.caughtUp) this.#out();
    this.#change();
  }

  /** We are in the call no more, and have not left it: it was ended, or our place was lost and is taken again. */
  #out() {
    if (this.#over) return this.#end();
    this.#rejoin();
  }

  #heard({ event: { type, data } }) {
    const { session, userId } = this.#place;
    // A place that was only lost is taken again.
    const left = type === 'voxlog.call.left.v1' && data.session === session && data.reason !== 'lost';
    const ended = type === 'voxlog.call.ended.v1' && data.reason !== 'empty';
    const out = OUT.has(type) && data.userId === userId;
    if (!left && !ended && !out) return;
    this.#over = true;
    this.#sync();
  }

  #signalled({ from, callId, data }) {
    if (this.call && this.call.callId !== callId) return;
    // Somebody may see us in the call before we are told that we are.
    if (this.#mesh) this.#mesh.signal(from.session, data);
    else if (this.#early.length < EARLY) this.#early.push([from.session, data]);
  }

  // ---- the socket comes and goes ----

  #statusChanged(state) {
    if (this.state === 'joined' && state === 'offline') this.#to('reconnecting');
    if (this.room && state === 'ended') this.#end();
  }

  #welcomed(resumed) {
    if (this.state !== 'reconnecting' && this.state !== 'joined') return;
    if (!resumed || this.#client.session !== this.#place.session) return void this.#rejoin();
    this.#to('joined');
    // What was chosen meanwhile.
    const { room, muted, deafened, video, screen } = this;
    this.#client.command('voice.update', { room, muted, deafened, video, screen }).catch(() => {});
    this.#mesh?.restart();
  }

  /** Takes a place anew, under the session that we have now. */
  async #rejoin() {
    if (this.state === 'idle') return;
    this.#to('reconnecting');
    this.#leaveMesh();
    this.#place = NOWHERE;
    try {
      await this.#enter();
    } catch (error) {
      // Without a connection the next one tries again.
      if (error.code !== 'offline') this.#end(error);
    }
  }

  #end(error) {
    const { room } = this;
    if (!room) return;
    this.#teardown();
    this.#emitter.emit('ended', { room, error });
  }

  #teardown() {
    this.#leaveMesh();
    this.#speech?.close();
    this.#own?.close();
    this.#speech = this.#own = undefined;
    this.#capture.close();
    this.#early = [];
    this.#place = NOWHERE;
    Object.assign(this, { room: null, muted: false, deafened: false, video: false, screen: false });
    this.#playback.deafened = false;
    this.#to('idle');
  }

  #leaveMesh() {
    this.#mesh?.close();
    this.#mesh = undefined;
  }

  // ---- media ----

  get #silent() {
    return this.muted || this.deafened;
  }

  async #update(change) {
    const before = { muted: this.muted, deafened: this.deafened, video: this.video, screen: this.screen };
    Object.assign(this, change);
    this.#apply();
    if (!this.room) return;
    try {
      await this.#client.command('voice.update', { room: this.room, ...change });
    } catch (error) {
      // What is heard is what was chosen, whether or not the others can be told now: they are told on return.
      if (error.code === 'offline') return;
      Object.assign(this, before);
      this.#apply();
      throw error;
    }
  }

  #apply() {
    for (const track of this.#capture.streams.get('voice')?.getAudioTracks() ?? []) track.enabled = !this.#silent;
    this.#playback.deafened = this.deafened;
    this.#change();
  }

  /** What this device sends is another thing now. */
  #captured() {
    this.#apply();
    const stream = this.#capture.streams.get('voice');
    if (stream && this.#own?.stream !== stream) {
      this.#own?.close();
      this.#own = new Meter(stream);
      this.#speech ??= new Speech({
        level: () => this.level(this.#client.session),
        changed: () => this.#change(),
        tell: (speaking) => this.#client.command('voice.update', { room: this.room, speaking }).catch(() => {}),
      });
    }
    this.#mesh?.refresh();
  }

  #to(state) {
    this.state = state;
    this.#change();
  }

  /** Tells once for all that changes at a time. */
  #change() {
    if (this.#told) return;
    this.#told = true;
    queueMicrotask(() => {
      this.#told = false;
      this.#emitter.emit('change');
    });
  }
}
