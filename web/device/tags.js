/** The whole numbers of a TIFF directory, which is what EXIF is. */

const SHORT = 3, LONG = 4;

/** @param {Uint8Array} bytes @returns {Map<number, number>} tag → its first value, as far as can be read */
export function tags(bytes) {
  const found = new Map();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const order = { "73,73,42,0": true, "77,77,0,42": false }[`${bytes.subarray(0, 4)}`];
  if (order === undefined) return found;
  try {
    const start = view.getUint32(4, order);
    const entries = view.getUint16(start, order);
    for (let at = start + 2; at < start + 2 + 12 * entries; at += 12) {
      const tag = view.getUint16(at, order);
      const kind = view.getUint16(at + 2, order);
      const count = view.getUint32(at + 4, order);
      if (found.has(tag) || !count || ![SHORT, LONG].includes(kind)) continue;
      const inside = count * (kind === SHORT ? 2 : 4) <= 4;
      const place = inside ? at + 8 : view.getUint32(at + 8, order);
      found.set(tag, kind === SHORT ? view.getUint16(place, order) : view.getUint32(place, order));
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return found;
}
