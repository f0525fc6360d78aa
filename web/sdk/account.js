import { VoxlogError } from './error.js';

/** A token that lasts no longer than this is renewed before it is used. */
const SPARE_MS = 30_000;

/**
 * Who is signed in, and their tokens, kept in a storage of the page. A refresh token is good for one use, so only one
 * refresh is under way at a time, and two pages must not share a storage: `sessionStorage` is right, a tab is a person.
 */
export class Account {
  #post;
  #storage;
  #platform;
  #changed;
  #grant = null;
  #renewing = null;

  /** @param {{post: (path: string, body: object, token?: string) => Promise<object>, storage, platform, changed}} parts */
  constructor({ post, storage, platform, changed }) {
    this.#post = post;
    this.#storage = storage;
    this.#platform = platform;
    this.#changed = changed;
  }

  get user() {
    return this.#grant?.user ?? null;
  }

  /** Takes up what the storage holds. @returns {Promise<object | null>} the user */
  async restore() {
    this.#grant = this.#storage.get('signIn') ?? null;
    if (!this.#grant) return null;
    try {
      await this.token();
    } catch (error) {
      // Without a network the user is still who they are.
      if (error.code === 'unauthenticated') return null;
    }
    this.#changed(this.user);
    return this.user;
  }

  /** @param {'login' | 'register' | 'guest'} how @returns {Promise<object>} the user */
  async signIn(how, form) {
    this.#keep(await this.#post(`/auth/${how}`, form));
    this.#changed(this.user);
    return this.user;
  }

  async signOut() {
    const token = this.#grant?.token;
    this.forget();
    if (token) await this.#post('/auth/logout', {}, token).catch(() => {});
  }

  /** The sign-in is over. */
  forget() {
    if (!this.#grant) return;
    this.#grant = null;
    this.#storage.set('signIn', null);
    this.#changed(null);
  }

  /** An access token that lasts a while yet; a new one where `renew` is set. @returns {Promise<string>} */
  async token({ renew = false } = {}) {
    if (!this.#grant) throw new VoxlogError('unauthenticated', 'nobody is signed in');
    if (!renew && this.#platform.now() < this.#grant.until - SPARE_MS) return this.#grant.token;
    this.#renewing ??= this.#renew().finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #renew() {
    const held = this.#grant;
    try {
      const grant = await this.#post('/auth/refresh', { refreshToken: held.refreshToken });
      if (this.#grant !== held) throw new VoxlogError('unauthenticated', 'signed out meanwhile');
      this.#keep(grant);
      return grant.token;
    } catch (error) {
      if (error.code === 'unauthenticated' && this.#grant === held) this.forget();
      throw error;
    }
  }

  #keep({ token, refreshToken, user, expiresIn }) {
    const until = this.#platform.now() + expiresIn * 1000;
    this.#grant = { token, refreshToken, until, user: user ?? this.user };
    this.#storage.set('signIn', this.#grant);
  }
}
