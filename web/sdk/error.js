/** Why something was refused or failed. Branch on `code`: those of docs/protocol.md, and `offline` for "no answer came". */
export class VoxlogError extends Error {
  /** @param {string} code @param {string} [detail] @param {object} [more] status, errors, requestId, retryAfterMs */
  constructor(code, detail = code, more = {}) {
    super(detail);
    this.name = 'VoxlogError';
    this.code = code;
    this.detail = detail;
    Object.assign(this, more);
  }

  /** What an `error` frame or a problem document says. */
  static from({ code, detail, status, errors, requestId, retryAfterMs }) {
    return new VoxlogError(code ?? 'internal', detail, { status, errors, requestId, retryAfterMs });
  }

  /** Whether the same again, later, may go well: a part was away, or it was too much at once. */
  get passes() {
    return PASSING.has(this.code);
  }
}

const PASSING = new Set(['offline', 'unavailable', 'outcome_unknown', 'rate_limited', 'slow_mode']);

export const offline = () => new VoxlogError('offline', 'there is no connection');
