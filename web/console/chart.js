// How far the read models were behind, as a line.
import { effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { html } from '/app/html.js';
import { theme } from '/app/theme.js';

const HEIGHT = 180;
/** A quarter of an hour, which is what the gateway remembers. */
const SPAN_S = 900;
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hour12: false });

/** `samples`: `{time, lagEvents: [per partition]}`. */
export function LagChart({ samples }) {
  const box = useRef();
  const chart = useRef();
  const latest = useRef();
  latest.current = samples;
  useEffect(() => {
    const element = box.current;
    const draw = () => {
      chart.current?.destroy();
      chart.current = new uPlot(options(element), data(latest.current), element);
    };
    const measure = new ResizeObserver(() => chart.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    // The colours of a canvas are drawn, so they are drawn anew in another light.
    const light = matchMedia('(prefers-color-scheme: dark)');
    light.addEventListener('change', draw);
    const dispose = effect(() => {
      theme.value;
      draw();
    });
    measure.observe(element);
    return () => {
      dispose();
      measure.disconnect();
      light.removeEventListener('change', draw);
      chart.current?.destroy();
    };
  }, []);
  useEffect(() => chart.current?.setData(data(samples)), [samples]);
  const worst = Math.max(0, ...samples.map(total));
  return html`<figure class="chart" data-testid="lag-chart" data-samples=${samples.length}>
    <figcaption>Events behind, all partitions together, in the last quarter of an hour. At most ${worst}.</figcaption>
    <div ref=${box} role="img" aria-label="At most ${worst} events behind"></div>
  </figure>`;
}

const total = ({ lagEvents }) => lagEvents.reduce((sum, lag) => sum + lag, 0);
const data = (samples) => [samples.map(({ time }) => new Date(time) / 1000), samples.map(total)];

function options(box) {
  const [ink, line, accent, soft] = ['chart-ink', 'chart-line', 'chart-accent', 'chart-soft'].map((name) => colour(box, name));
  const axis = { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false },
    scales: { x: { range: (_, low, high) => [Math.min(low ?? 0, (high ?? 0) - SPAN_S), high ?? 0] }, y: { range: (_, low, high) => [0, Math.max(high ?? 0, 10)] } },
    axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => CLOCK.format(tick * 1000)) }, { ...axis, size: 60 }],
    series: [{}, { label: 'behind', stroke: accent, fill: soft, width: 2, points: { show: false } }],
  };
}

/** A colour of the stylesheet, as a canvas needs it: worked out for the light that it is. */
function colour(box, name) {
  const probe = document.createElement('span');
  probe.className = name;
  box.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
