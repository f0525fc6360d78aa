// The call that one is in, at hand while one reads in another room.
import { toggleMuted, leaveCall, useVoice } from './call.js';
import { cls, html } from './html.js';
import { Icon } from './icons.js';
import { openRoomId, rooms } from './state.js';

export function CallDock({ voice }) {
  useVoice(voice);
  const room = rooms.value.get(voice.room);
  if (!room || voice.state === 'idle' || openRoomId.value === room.id) return null;
  return html`<section class="dock" aria-label="Your call" data-testid="call-dock">
    <a href="#/r/${room.id}"><small>In the call of</small><strong>${room.view.value.name}</strong></a>
    <button
      type="button"
      class=${cls('icon-button', voice.muted && 'icon-button-off')}
      aria-label="Mute"
      aria-pressed=${voice.muted}
      onClick=${() => toggleMuted()}
    >
      <${Icon} name=${voice.muted ? 'mic-off' : 'mic'} />
    </button>
    <button
      type="button"
      class="icon-button icon-button-danger"
      aria-label="Leave the call"
      onClick=${() => leaveCall()}
    >
      <${Icon} name="hangup" />
    </button>
  </section>`;
}
