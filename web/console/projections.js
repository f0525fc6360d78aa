// The read models: how far they are, what waits, and making them again.
import { useState } from 'preact/hooks';
import { html } from '/app/html.js';
import { read, write } from './api.js';
import { LagChart } from './chart.js';
import { age, count, moment, short, shortType } from './format.js';
import { Fault, Table, Who, usePolled } from './parts.js';

const EVERY_MS = 3000;
const WHILE_REBUILDING_MS = 500;

export function Projections() {
  const [projections, error] = usePolled((gone) => read('/projections', {}, gone), EVERY_MS);
  return html`<${Fault} error=${error} />
    ${projections &&
    html`<${LagChart} samples=${projections.samples} />
      <${Table} caption="Partitions" testid="partitions" heads=${['Partition', { label: 'Checkpoint', number: true }, { label: 'Head', number: true }, { label: 'Behind', number: true }, { label: 'Parked', number: true }]}>
        ${projections.partitions.map(
          ({ partition, checkpoint, head, lagEvents, parked }) => html`<tr key=${partition} data-testid="partition-row" data-partition=${partition}>
            <th scope="row">${partition}</th>
            <td class="number">${count(checkpoint)}</td>
            <td class="number">${count(head)}</td>
            <td class="number">${count(lagEvents)}</td>
            <td class="number ${parked ? 'bad' : ''}">${count(parked)}</td>
          </tr>`,
        )}
      <//>`}
    <${Parked} /><${Rebuild} />`;
}

function Parked() {
  const [page, error, again] = usePolled((gone) => read('/parked', { limit: 100 }, gone), EVERY_MS);
  const [told, setTold] = useState(null);
  const [fault, setFault] = useState(null);
  const retry = async (owner) => {
    setFault(null);
    try {
      const { applied, stuck } = await write(`/parked/${owner}/retry`);
      setTold(`${count(applied)} applied${stuck ? ', and the first of the rest failed again' : ''}`);
    } catch (refused) {
      setFault(refused);
    }
    again();
  };
  return html`<section>
    <h2>Parked events</h2>
    <p class="soft">They could not be applied, or wait behind one of the same room or user that could not. A newer version may be able to.</p>
    <p role="status" data-testid="retry-told">${told}</p>
    <${Fault} error=${fault ?? error} />
    ${page?.data.length === 0 && html`<p class="soft empty" data-testid="parked-none">Nothing is parked.</p>`}
    ${page?.data.length > 0 &&
    html`<${Table} caption="Parked events" testid="parked" heads=${['Place', 'Type', 'Of', 'Why', { label: 'Tries', number: true }, 'Since', '']}>
      ${page.data.map(
        ({ partition, seq, owner, type, error, attempts, parkedAt }) => html`<tr key="${partition}:${seq}" data-testid="parked-row" data-seq=${seq} data-owner=${owner}>
          <th scope="row"><a href="#/events/${partition}/${seq}">${partition}:${seq}</a></th>
          <td>${shortType(type)}</td>
          <td class="mono" title=${owner}>${short(owner)}</td>
          <td>${error}</td>
          <td class="number" data-testid="parked-attempts">${count(attempts)}</td>
          <td title=${moment(parkedAt)}>${age(parkedAt)}</td>
          <td><button class="button" type="button" data-testid="parked-retry" onClick=${() => retry(owner)}>Try again</button></td>
        </tr>`,
      )}
    <//>`}
    ${page?.hasMore && html`<p class="soft">There are more: <code>voxlog parked</code> lists all.</p>`}
  </section>`;
}

function Rebuild() {
  const [running, setRunning] = useState(false);
  const [fault, setFault] = useState(null);
  const ask = async (gone) => {
    const { rebuild } = await read('/rebuild', {}, gone);
    setRunning(rebuild?.state === 'running');
    return rebuild;
  };
  const [rebuild, error, again] = usePolled(ask, running ? WHILE_REBUILDING_MS : EVERY_MS, [running]);
  const begin = async (mode) => {
    setFault(null);
    try {
      await write('/rebuild', { mode });
      setRunning(true);
    } catch (refused) {
      setFault(refused);
    }
    again();
  };
  return html`<section>
    <h2>Rebuild</h2>
    <p class="soft">Makes all tables again from the log, beside the live ones, and compares both. Nobody notices.</p>
    <div class="row-line">
      <button class="button" type="button" disabled=${running} data-testid="rebuild-check" onClick=${() => begin('check')}>Compare only</button>
      <button class="button button-main" type="button" disabled=${running} data-testid="rebuild-swap" onClick=${() => begin('swap')}>Rebuild and swap in</button>
    </div>
    <${Fault} error=${fault ?? error} />
    ${rebuild && html`<${Progress} rebuild=${rebuild} />`}
  </section>`;
}

function Progress({ rebuild }) {
  const { state, mode, by, startedAt, endedAt, partitions, report, error } = rebuild;
  const [at, tail] = partitions.reduce(([at, tail], each) => [at + each.at, tail + each.tail], [0, 0]);
  return html`<div data-testid="rebuild" data-state=${state}>
    <p>${mode === 'swap' ? 'A rebuild' : 'A comparison'} of ${moment(startedAt)} by <${Who} id=${by} />: <strong>${state}</strong>${endedAt && html` after ${((new Date(endedAt) - new Date(startedAt)) / 1000).toFixed(1)} s`}</p>
    ${state === 'running' && html`<progress max=${tail || 1} value=${at} aria-label="Progress" data-testid="rebuild-progress"></progress> <span class="soft">${count(at)} of ${count(tail)} records</span>`}
    ${error && html`<p class="fault">${error}</p>`}
    ${report && html`<p class=${report.equal ? 'good' : 'bad'} data-testid="rebuild-verdict">${report.equal ? 'The live tables were what the log says.' : 'The live tables were WRONG.'} ${report.swapped ? 'The rebuilt ones are live now.' : 'Nothing was changed.'}</p>
      <${Table} caption="Tables" heads=${['Table', { label: 'Rows live', number: true }, { label: 'Rows rebuilt', number: true }, 'Digest', '']}>
        ${report.tables.map(
          ({ live, rebuilt, equal }) => html`<tr key=${live.table}>
            <th scope="row">${live.table}</th><td class="number">${count(live.rows)}</td><td class="number">${count(rebuilt.rows)}</td><td class="mono">${rebuilt.sum}</td>
            <td class=${equal ? 'good' : 'bad'}>${equal ? 'equal' : 'different'}</td>
          </tr>`,
        )}
      <//>`}
  </div>`;
}
