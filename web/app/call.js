// A room's call: who is in it and how loud, and what one can do there.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Avatar } from './avatar.js';
import { client, voice } from './client.js';
import { Devices } from './devices.js';
import { cls, html } from './html.js';
import { Icon } from './icons.js';
import { PopoverButton } from './overlay.js';
import { nameOf } from './people.js';
import { rooms } from './state.js';
import { complain } from './toasts.js';
import { duration } from './time.js';

/** Draws again when the voice changes. */
export function useVoice(voice) {
  const [, redraw] = useState(0);
  useEffect(() => voice.on('change', () => redraw((count) => count + 1)), [voice]);
}

const attempt = async (what, action) => {
  try {
    await action();
  } catch (error) {
    complain(error, what);
  }
};

export async function startCall(room) {
  const other = voice.state !== 'idle' && voice.room !== room.id && rooms.value.get(voice.room);
  if (other) await attempt(`You are still in the call of ${other.view.value.name}`, () => voice.leave());
  await attempt('You are not in the call', () => voice.join(room.id));
}

export const leaveCall = () => attempt('Leaving the call', () => voice.leave());
export const toggleMuted = () => attempt('The microphone', () => voice.setMuted(!voice.muted));

/** Above the timeline as long as the room has a call. */
export function CallBar({ room }) {
  useVoice(voice);
  const inside = voice.room === room.id && voice.state !== 'idle';
  const call = room.call.value;
  if (!inside && !call) return null;
  const speaking = room.speaking.value;
  const tiles = inside ? voice.participants : seen(call, speaking);
  return html`<section
    class=${cls('call', inside && 'call-inside')}
    aria-label="Call"
    data-testid="call"
    data-state=${inside ? voice.state : 'outside'}
    data-participants=${tiles.length}
  >
    <div class="call-head">
      <span class="call-title">
        <${Icon} name="phone" /><strong>Call</strong> ${tiles.length} of ${call?.seats ?? 8}
      </span>
      ${call && html`<${Running} since=${call.startedAt} />`}
      ${inside && voice.state !== 'joined' && html`<span class="tag">${voice.state}</span>`}
      ${
        !inside &&
        html`<button
          type="button"
          class="button button-call"
          data-testid="call-join"
          disabled=${room.archived.value}
          onClick=${() => startCall(room)}
        >
          Join
        </button>`
      }
    </div>
    <ul class="tiles">
      ${tiles.map((tile) => html`<${Tile} key=${tile.session} ...${tile} />`)}
    </ul>
    ${inside && html`<${Controls} />`}
  </section>`;
}

/** The call as one who is not in it sees it. */
function seen(call, speaking) {
  return call.participants.map((one) => ({ ...one, speaking: speaking.has(one.session), quality: null }));
}

function Running({ since }) {
  const passed = () => Math.max(0, (Date.now() - new Date(since)) / 1000);
  const [seconds, set] = useState(passed);
  useEffect(() => {
    const timer = setInterval(() => set(passed()), 1000);
    return () => clearInterval(timer);
  }, [since]);
  return html`<time class="call-time">${duration(seconds)}</time>`;
}

const QUALITY = { good: 3, fair: 2, poor: 1, connecting: 0, lost: 0 };

function Tile({ session, userId, self, muted, deafened, speaking, quality, rttMs, lossPct, stream, video, screen }) {
  const tile = useRef(null);
  useLevel(tile, session);
  const own = self ?? session === client.session;
  const shows = stream && (video || screen) && stream.getVideoTracks().length > 0;
  const heard = [muted && 'muted', deafened && 'deafened', speaking && 'speaking'];
  const figures = [rttMs != null && `${Math.round(rttMs)} ms`, lossPct != null && `${lossPct.toFixed(1)} % lost`];
  return html`<li
    ref=${tile}
    class=${cls('tile', speaking && !muted && 'tile-speaking', shows && 'tile-video')}
    data-testid="participant"
    data-user=${userId}
    data-session=${session}
    data-speaking=${Boolean(speaking)}
    data-muted=${Boolean(muted)}
    data-deafened=${Boolean(deafened)}
    data-quality=${quality ?? ''}
    data-level="0"
  >
    ${
      shows
        ? html`<${Picture} stream=${stream} mirrored=${own && !screen} />`
        : html`<span class="ring"><${Avatar} id=${userId} size="xl" /></span>`
    }
    <span class="tile-name">
      ${deafened ? html`<${Icon} name="ear-off" />` : muted && html`<${Icon} name="mic-off" />`}
      <span>${own ? 'You' : nameOf(userId)}</span>
    </span>
    ${!own && quality && html`<${Quality} quality=${quality} figures=${figures.filter(Boolean).join(', ')} />`}
    <span class="hidden">${heard.filter(Boolean).join(', ')}</span>
  </li>`;
}

function Quality({ quality, figures }) {
  const words = [quality, figures].filter(Boolean).join(': ');
  return html`<span class="quality quality-${quality}" role="img" aria-label="Connection ${words}" title=${words}>
    ${[1, 2, 3].map((bar) => html`<i key=${bar} class=${cls(bar <= QUALITY[quality] && 'on')} />`)}
  </span>`;
}

function Picture({ stream, mirrored }) {
  const video = useRef(null);
  useEffect(() => {
    video.current.srcObject = stream;
  }, [stream]);
  return html`<video ref=${video} class=${cls(mirrored && 'mirrored')} autoplay playsinline muted />`;
}

/** The ring follows the level frame by frame, past the drawing of components. */
function useLevel(tile, session) {
  useEffect(() => {
    let frame;
    let told = '0';
    const follow = () => {
      const level = voice.level(session) || 0;
      const rounded = (Math.round(level * 10) / 10).toString();
      tile.current?.style.setProperty('--level', level.toFixed(3));
      if (rounded !== told && tile.current) tile.current.dataset.level = told = rounded;
      frame = requestAnimationFrame(follow);
    };
    follow();
    return () => cancelAnimationFrame(frame);
  }, [session]);
}

const CONTROLS = [
  ['muted', 'setMuted', 'Mute', 'Unmute', 'mic', 'mic-off', 'call-mute'],
  ['deafened', 'setDeafened', 'Deafen', 'Hear again', 'ear', 'ear-off', 'call-deafen'],
];
const SENT = [
  ['video', 'setVideo', 'Camera on', 'Camera off', 'camera', 'call-camera'],
  ['screen', 'setScreen', 'Share the screen', 'Stop sharing', 'screen', 'call-screen'],
];

function Controls() {
  return html`<div class="call-controls" role="toolbar" aria-label="Your part in the call">
    ${CONTROLS.map(
      ([key, set, on, off, icon, iconOff, testid]) =>
        html`<button
          key=${key}
          type="button"
          class=${cls('round', voice[key] && 'round-off')}
          aria-label=${voice[key] ? off : on}
          title=${voice[key] ? off : on}
          aria-pressed=${voice[key]}
          data-testid=${testid}
          onClick=${() => attempt(on, () => voice[set](!voice[key]))}
        >
          <${Icon} name=${voice[key] ? iconOff : icon} />
        </button>`,
    )}
    ${SENT.map(
      ([key, set, on, off, icon, testid]) =>
        html`<button
          key=${key}
          type="button"
          class=${cls('round', voice[key] && 'round-on')}
          aria-label=${voice[key] ? off : on}
          title=${voice[key] ? off : on}
          aria-pressed=${Boolean(voice[key])}
          data-testid=${testid}
          onClick=${() => attempt(on, () => voice[set](!voice[key]))}
        >
          <${Icon} name=${icon} />
        </button>`,
    )}
    <${PopoverButton}
      name="round"
      label="Microphone, speaker and camera"
      icon="gear"
      popover="devices"
      testid="call-devices"
    >
      ${() => html`<${Devices} />`}
    <//>
    <button
      type="button"
      class="round round-danger"
      aria-label="Leave the call"
      title="Leave the call"
      data-testid="call-leave"
      onClick=${leaveCall}
    >
      <${Icon} name="hangup" />
    </button>
  </div>`;
}
