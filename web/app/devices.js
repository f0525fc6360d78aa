// Which microphone, speaker and camera.
import { useEffect, useState } from 'preact/hooks';
import { voice } from './client.js';
import { Check } from './form.js';
import { html } from './html.js';
import { complain } from './toasts.js';

const KINDS = [
  ['inputs', 'inputId', 'useInput', 'Microphone'],
  ['outputs', 'outputId', 'useOutput', 'Speaker'],
  ['cameras', 'cameraId', 'useCamera', 'Camera'],
];

export function Devices() {
  const [devices, setDevices] = useState(null);
  useEffect(() => {
    const read = () => Promise.resolve(voice.devices()).then(setDevices, complain);
    read();
    return voice.on('devices', read);
  }, []);
  if (!devices) return html`<p class="quiet">Looking for devices…</p>`;
  const choose = async (use, id) => {
    try {
      await voice[use](id);
      setDevices({ ...devices });
    } catch (error) {
      complain(error);
    }
  };
  const original = () => voice.setProcessing(!voice.processing).then(() => setDevices({ ...devices }), complain);
  return html`${KINDS.map(
      ([key, chosen, use, label]) =>
        html`<label key=${key} class="field">
          <span>${label}</span>
          <select
            data-testid="device-${key}"
            value=${voice[chosen] || devices[key][0]?.id || ''}
            disabled=${!devices[key].length}
            onChange=${(event) => choose(use, event.currentTarget.value)}
          >
            ${!devices[key].length && html`<option value="">None found</option>`}
            ${devices[key].map((one) => html`<option key=${one.id} value=${one.id}>${one.label || 'Unnamed'}</option>`)}
          </select>
        </label>`,
    )}
    <${Check}
      label="Original sound"
      hint="Without taking out echo and noise"
      checked=${!voice.processing}
      onChange=${original}
    />`;
}
