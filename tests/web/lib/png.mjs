import zlib from 'node:zlib';

/**
 * The same picture in fewer bytes: a browser compresses for speed. Flat areas, of which a page consists, compress best
 * without filters (RFC 2083, section 9.6).
 * @param {Buffer} png eight bits a channel, not interlaced @returns {Buffer}
 */
export function packed(png) {
  const pieces = [...chunks(png)];
  const header = pieces.find(({ type }) => type === 'IHDR').data;
  const [width, height, depth, colour, interlaced] = [
    header.readUInt32BE(0),
    header.readUInt32BE(4),
    header[8],
    header[9],
    header[12],
  ];
  const bytes = { 2: 3, 6: 4 }[colour];
  if (depth !== 8 || !bytes || interlaced) return png;
  const lines = zlib.inflateSync(Buffer.concat(pieces.filter(({ type }) => type === 'IDAT').map(({ data }) => data)));
  unfilter(lines, width * bytes, height, bytes);
  const body = zlib.deflateSync(lines, { level: 9, memLevel: 9 });
  const whole = [
    ['IHDR', header],
    ['IDAT', body],
    ['IEND', Buffer.alloc(0)],
  ].map(([type, data]) => chunk(type, data));
  const result = Buffer.concat([png.subarray(0, 8), ...whole]);
  return result.length < png.length ? result : png;
}

function* chunks(png) {
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    yield { type: png.toString('latin1', at + 4, at + 8), data: png.subarray(at + 8, at + 8 + length) };
    at += 12 + length;
  }
}

function chunk(type, data) {
  const framed = Buffer.alloc(12 + data.length);
  framed.writeUInt32BE(data.length, 0);
  framed.write(type, 4, 'latin1');
  data.copy(framed, 8);
  framed.writeInt32BE(crc(framed.subarray(4, 8 + data.length)), 8 + data.length);
  return framed;
}

function crc(bytes) {
  let sum = -1;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum;
}

/** Takes the filters off, in place (RFC 2083, section 6). */
function unfilter(lines, stride, height, bytes) {
  for (let row = 0; row < height; row += 1) {
    const start = row * (stride + 1);
    const filter = lines[start];
    lines[start] = 0;
    for (let at = start + 1; at <= start + stride; at += 1) {
      const left = at - start > bytes ? lines[at - bytes] : 0;
      const above = row > 0 ? lines[at - stride - 1] : 0;
      const corner = row > 0 && at - start > bytes ? lines[at - stride - 1 - bytes] : 0;
      lines[at] += [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter];
    }
  }
}

function paeth(left, above, corner) {
  const guess = left + above - corner;
  const [toLeft, toAbove, toCorner] = [left, above, corner].map((value) => Math.abs(guess - value));
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
