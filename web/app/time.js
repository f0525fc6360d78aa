// Times as people read them, in the language of the browser.
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const DAY_OF_YEAR = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
const WHOLE = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const clock = (time) => CLOCK.format(new Date(time));

/** Without am and pm, for a narrow margin. */
export const clockFace = (time) =>
  CLOCK.formatToParts(new Date(time))
    .filter(({ type }) => type !== 'dayPeriod')
    .map(({ value }) => value)
    .join('')
    .trim();
export const whole = (time) => WHOLE.format(new Date(time));

/** The same for two times of one day, where the reader is. */
export const dayKey = (time) => new Date(time).toDateString();

export function day(time, now = new Date()) {
  const date = new Date(time);
  if (dayKey(date) === dayKey(now)) return 'Today';
  if (dayKey(date) === dayKey(now - DAY_MS)) return 'Yesterday';
  return (date.getFullYear() === now.getFullYear() ? DAY : DAY_OF_YEAR).format(date);
}

/** "5 minutes ago", "yesterday", or the day when it is longer than a week. */
export function ago(time, now = Date.now()) {
  const past = now - new Date(time);
  if (past < MINUTE_MS) return 'just now';
  if (past < HOUR_MS) return AGO.format(-Math.round(past / MINUTE_MS), 'minute');
  if (past < DAY_MS) return AGO.format(-Math.round(past / HOUR_MS), 'hour');
  if (past < 7 * DAY_MS) return AGO.format(-Math.round(past / DAY_MS), 'day');
  return DAY_OF_YEAR.format(new Date(time));
}

/** `4:07`, `1:02:33`. */
export function duration(seconds) {
  const two = (number) => String(number).padStart(2, '0');
  const [hours, minutes, rest] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
