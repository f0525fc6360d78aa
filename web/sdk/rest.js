import { VoxlogError, offline } from './error.js';
import { uuidv7 } from './ids.js';

const API = '/api/v1';

/** For how long after a write a read asks to see it. Read models are milliseconds behind. */
const FRESH_MS = 5_000;

/** REST: JSON in, JSON out; refusals are VoxlogErrors. */
export class Rest {
  #base;
  #platform;
  #tokens;
  #position = null;

  /** @param {{base: string, platform, tokens: (how: {renew: boolean}) => Promise<string>}} parts */
  constructor({ base, platform, tokens }) {
    this.#base = base.replace(/\/$/, '');
    this.#platform = platform;
    this.#tokens = tokens;
  }

  /**
   * A request of somebody who is signed in. A read that follows a write of this client sees what was written.
   * @param {string} method @param {string} path below /api/v1
   * @param {{query?: object, body?: object, signal?: AbortSignal, idempotencyKey?: string}} [more]
   *   `idempotencyKey`: the same for every repetition of one POST; without it each call is one of its own
   * @returns {Promise<object | null>} the body
   */
  async request(method, path, { query, body, signal, idempotencyKey } = {}) {
    const headers = {};
    if (method === 'POST' && !path.startsWith('/auth/')) headers['idempotency-key'] = idempotencyKey ?? uuidv7();
    if (method === 'GET' && this.#position && this.#platform.now() < this.#position.until) {
      headers['x-voxlog-min-position'] = this.#position.position;
    }
    const ask = async (renew) => {
      const authorization = `Bearer ${await this.#tokens({ renew })}`;
      return this.#fetch(method, path, { query, body, signal, headers: { ...headers, authorization } });
    };
    const answer = await ask(false).catch((error) => {
      // The token may have been revoked or outlived its key: once more with a new one.
      if (error.code !== 'unauthenticated' || error.status !== 401) throw error;
      return ask(true);
    });
    if (answer?.position) this.#position = { position: answer.position, until: this.#platform.now() + FRESH_MS };
    return answer;
  }

  /** A POST of somebody who may not be signed in. */
  post(path, body, token) {
    return this.#fetch('POST', path, { body, headers: token ? { authorization: `Bearer ${token}` } : {} });
  }

  async #fetch(method, path, { query = {}, body, signal, headers }) {
    const wanted = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
    const url = `${this.#base}${API}${path}${wanted.length ? `?${new URLSearchParams(wanted)}` : ''}`;
    const json = body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = body === undefined ? undefined : JSON.stringify(body);
    let response;
    let text;
    try {
      response = await this.#platform.fetch(url, { method, headers: { ...headers, ...json }, body: sent, signal });
      text = await response.text();
    } catch (error) {
      throw error.name === 'AbortError' ? error : offline();
    }
    const answer = read(text);
    if (!response.ok) throw VoxlogError.from({ detail: response.statusText, ...answer, status: response.status });
    return answer;
  }
}

function read(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}
