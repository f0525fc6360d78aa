// The streams and buckets on NATS.
import { html } from '/app/html.js';
import { read } from './api.js';
import { bytes, count } from './format.js';
import { Fault, Table, usePolled } from './parts.js';

const HEADS = ['Stream', ...['Records', 'Size', 'First', 'Last', 'Followers'].map((label) => ({ label, number: true })), 'Kept', 'Replicas', 'Leader'];

export function Streams() {
  const [page, error] = usePolled((gone) => read('/streams', {}, gone), 5000);
  return html`<${Fault} error=${error} />
    ${page &&
    html`<${Table} caption="Streams" testid="streams" heads=${HEADS}>
        ${page.data.map(
          (stream) => html`<tr key=${stream.name} data-testid="stream-row" data-stream=${stream.name}>
            <th scope="row" class="mono">${stream.name}</th>
            <td class="number" data-testid="stream-records">${count(stream.records)}</td>
            <td class="number">${bytes(stream.bytes)}</td>
            <td class="number">${count(stream.firstSeq)}</td>
            <td class="number">${count(stream.lastSeq)}</td>
            <td class="number">${count(stream.followers)}</td>
            <td>${stream.inMemory ? 'in memory' : 'on disk'}</td>
            <td class=${stream.current < stream.replicas ? 'bad' : ''}>${stream.current}/${stream.replicas}</td>
            <td class="mono">${stream.leader ?? '–'}</td>
          </tr>`,
        )}
      <//>
      <p class="soft" role="status">${count(page.data.length)} streams, ${bytes(page.data.reduce((sum, each) => sum + each.bytes, 0))}</p>`}`;
}
