/**
 * Voxlog's client: one module for pages, bots and tests. Plain ES modules, no dependency; what it needs of its
 * surroundings (WebSocket, fetch, timers) can be given. README.md beside this file shows how it is used.
 *
 * What it promises:
 * - Every event of a subscribed room is given once, in the order of its chain, with no gap: what is missing is fetched.
 * - A message that was handed over is sent until the log has it or refuses it, once, in the room's order, also over
 *   reconnects and reloads.
 * - A lost connection comes back by itself, on another gateway if need be, as the same session where that still lives.
 */
export { Client, connect } from './sdk/client.js';
export { foldCall } from './sdk/call.js';
export { uuidv7 } from './sdk/ids.js';
export { VoxlogError } from './sdk/error.js';
