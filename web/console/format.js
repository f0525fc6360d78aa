// Numbers, times and ids as an operator reads them.
const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export const count = (number) => WHOLE.format(number);

export function bytes(number) {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(number, 1)) / 10));
  return `${(number / 1024 ** step).toFixed(step && number / 1024 ** step < 10 ? 1 : 0)} ${UNITS[step]}`;
}

const two = (number) => String(number).padStart(2, '0');

/** `14:03:27.512`, where the reader is. */
export function clock(time) {
  const at = new Date(time);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/** `2026-11-21 14:03:27`, where the reader is. */
export function moment(time) {
  const at = new Date(time);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** How long ago: `7 s`, `12 min`, `3 h`, `2 d`. */
export function age(time, now = Date.now()) {
  const seconds = Math.max(0, (now - new Date(time)) / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** The end of an id: its random part tells it from others. */
export const short = (id) => (id ? `…${id.slice(-6)}` : '');

/** `message.posted` of `voxlog.message.posted.v1`. */
export const shortType = (type) => type?.replace(/^voxlog\./, '').replace(/\.v1$/, '') ?? 'unreadable';
