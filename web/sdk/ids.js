const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

let last = 0;

/**
 * A UUID of version 7 (RFC 9562): 48 bits of time in milliseconds, then randomness. Two of one page never go back in
 * time, so that what is named later sorts later; within one millisecond the time runs ahead.
 * @returns {string}
 */
export function uuidv7(now = Date.now()) {
  last = Math.max(now, last + 1);
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let at = 5, rest = last; at >= 0; at -= 1, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  const text = hex(bytes);
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
}

/** When a UUID of version 7 was made, in milliseconds since 1970. */
export const timeOf = (uuid) => parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16);
