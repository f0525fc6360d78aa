// The gateways that are alive, as they told it with their last sign of life.
import { html } from '/app/html.js';
import { read } from './api.js';
import { age, count, moment, short } from './format.js';
import { Fault, Table, usePolled } from './parts.js';

const HEADS = ['Node', 'State', 'Version', 'Since', 'Seen', ...['Sockets', 'People', 'Rooms', 'Lagging'].map((label) => ({ label, number: true })), 'Closed by it, by code'];

export function Nodes() {
  const [page, error] = usePolled((gone) => read('/nodes', {}, gone), 2000);
  return html`<p class="soft">Every gateway tells this of itself each five seconds. One that has not for fifteen is gone.</p>
    <${Fault} error=${error} />
    ${page &&
    html`<${Table} caption="Gateways" testid="nodes" heads=${HEADS}>${page.data.map((node) => html`<${Node} key=${node.id} node=${node} />`)}<//>
      <p class="soft" role="status" data-testid="nodes-sum">${sum(page.data)}</p>`}`;
}

function Node({ node: { id, here, going, refreshedAt, status } }) {
  const state = going ? 'going' : status?.ready ? 'ready' : 'behind';
  return html`<tr data-testid="node-row" data-node=${id}>
    <th scope="row" class="mono" title=${id}>${short(id)} ${here && html`<span class="tag">this one</span>`}</th>
    <td class=${state === 'ready' ? 'good' : 'bad'} data-testid="node-state">${state}</td>
    ${status
      ? html`<td>${status.version}</td>
          <td title=${moment(status.startedAt)}>${age(status.startedAt)}</td>
          <td>${age(refreshedAt)}</td>
          <td class="number" data-testid="node-sockets">${count(status.sockets)}</td>
          <td class="number">${count(status.users)}</td>
          <td class="number">${count(status.rooms)}</td>
          <td class="number ${status.laggingSockets ? 'bad' : ''}" data-testid="node-lagging">${count(status.laggingSockets)} <span class="soft">of ${count(status.lagged)} ever</span></td>
          <td data-testid="node-closes">${closes(status.closes)}</td>`
      : html`<td colspan="2" class="soft">another version</td><td>${age(refreshedAt)}</td><td colspan="5"></td>`}
  </tr>`;
}

const closes = (codes) => Object.entries(codes).map(([code, times]) => html`<span class="tag">${code}: ${count(times)}</span> `);

function sum(nodes) {
  const of = (what) => nodes.reduce((sum, { status }) => sum + (status?.[what] ?? 0), 0);
  const counted = (number, what) => `${count(number)} ${what}${number === 1 ? '' : 's'}`;
  return `${counted(nodes.length, 'gateway')}, ${counted(of('sockets'), 'socket')}, ${count(of('laggingSockets'))} lagging`;
}
