const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const textOf = (value) => (typeof value === 'string' ? value : undefined);

/**
 * What another device says, as a peer takes it in. It is the other side's word and may be any JSON: what is of another
 * type than it should be is not there, and what does not even name its connection is nothing.
 *
 * @param {unknown} data
 * @returns {{from: string, to?: string, description?: {type: 'offer' | 'answer', sdp: string},
 *   streams?: Record<string, unknown>, candidates: object[]} | undefined}
 */
export function signalOf(data) {
  if (!isObject(data) || typeof data.from !== 'string') return undefined;
  const { from, to, description, streams, candidates } = data;
  return {
    from,
    to: textOf(to),
    description: descriptionOf(description),
    streams: isObject(streams) ? streams : undefined,
    candidates: Array.isArray(candidates) ? candidates.filter(isObject) : [],
  };
}

function descriptionOf(value) {
  if (!isObject(value) || !['offer', 'answer'].includes(value.type)) return undefined;
  const sdp = textOf(value.sdp);
  return sdp === undefined ? undefined : { type: value.type, sdp };
}
