/**
 * What the client needs of its surroundings. Tests and programs outside of browsers give their own.
 * @typedef {object} Platform
 * @property {typeof globalThis.WebSocket} WebSocket
 * @property {typeof globalThis.fetch} fetch
 * @property {() => number} now milliseconds
 * @property {(work: () => void, ms: number) => any} after calls once, later
 * @property {(timer: any) => void} cancel
 * @property {() => number} random from 0 up to 1
 * @property {(name: 'online' | 'offline' | 'visible', listener: () => void) => () => void} when what the device says of
 *   its network and the page of being looked at; hints, never proof
 */

/** @returns {Platform} the browser's */
export const browser = () => ({
  WebSocket: globalThis.WebSocket,
  fetch: globalThis.fetch?.bind(globalThis),
  now: () => Date.now(),
  after: (work, ms) => setTimeout(work, ms),
  cancel: (timer) => clearTimeout(timer),
  random: () => Math.random(),
  when,
});

function when(name, listener) {
  if (typeof globalThis.addEventListener !== 'function') return () => {};
  const [target, event] = name === 'visible' ? [globalThis.document, 'visibilitychange'] : [globalThis, name];
  const heard = () => {
    if (name !== 'visible' || !document.hidden) listener();
  };
  target?.addEventListener(event, heard);
  return () => target?.removeEventListener(event, heard);
}
