const FIRST_MS = 500;
const LONGEST_MS = 20_000;

/**
 * How long to wait before the next try: anywhere from nothing to a bound that doubles ("full jitter"), so that those
 * whose gateway went together do not come back together.
 * @param {number} attempt how many have failed, from 1 @param {() => number} random
 */
export const backoff = (attempt, random) => Math.round(random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** (attempt - 1)));
