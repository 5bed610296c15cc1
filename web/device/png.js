/**
 * The samples of a PNG, for those that a browser's canvas would round: with transparency, or of 16 bits.
 * Source: W3C, Portable Network Graphics (third edition), sections 7 and 9.
 */

import { Elsewhere } from "./elsewhere.js";

const CHANNELS = { 0: 1, 2: 3, 4: 2, 6: 4 }; // by colour type; 3, a palette, is left to the browser
const ALPHA = [4, 6];

/**
 * @param {DataView} view of IHDR's body
 * @returns {{width: number, height: number, channels: number, bytes: number} | null}
 *   bytes: of a sample; null: the browser's own decoder is exact
 * @throws {Elsewhere} for what neither reads exactly
 */
export function exact(view) {
  const [depth, type, interlaced] = [8, 9, 12].map((at) => view.getUint8(at));
  if (depth !== 16 && !ALPHA.includes(type)) return null;
  if (depth < 8 || !CHANNELS[type]) throw new Elsewhere("format", `${depth} bits of colour type ${type}`);
  if (interlaced) throw new Elsewhere("colours", depth === 16 ? "16 bits a sample, interlaced" : "transparency, interlaced");
  return { width: view.getUint32(0), height: view.getUint32(4), channels: CHANNELS[type], bytes: depth / 8 };
}

/**
 * @param {Blob} compressed the bodies of all IDAT chunks
 * @returns {Promise<Uint8ClampedArray>} RGBA, of 16 bits the higher eight
 * @throws {Elsewhere} for damaged data
 */
export async function decoded({ width, height, channels, bytes }, compressed) {
  const step = channels * bytes;
  const rgba = new Uint8ClampedArray(4 * width * height);
  let [row, above] = [new Uint8Array(width * step), new Uint8Array(width * step)];
  // `at`: how much of the row has come; -1: not even the number of its filter.
  let y = 0, at = -1, filter = 0;
  const reader = compressed.stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  while (y < height) {
    const { done, value } = await reader.read().catch((error) => { throw new Elsewhere("format", error.message); });
    if (done) throw new Elsewhere("format", "ends too early");
    for (let from = 0; from < value.length && y < height;) {
      if (at < 0) {
        filter = value[from++];
        at = 0;
        continue;
      }
      const part = value.subarray(from, from + row.length - at);
      row.set(part, at);
      at += part.length;
      from += part.length;
      if (at < row.length) break;
      unfilter(row, above, filter, step);
      spread(row, channels, bytes, rgba.subarray(4 * y * width, 4 * (y + 1) * width));
      [row, above] = [above, row];
      y += 1;
      at = -1;
    }
  }
  reader.cancel();
  return rgba;
}

/** What each of the five filters predicts from the byte to the left, above, and above that on the left. */
const PREDICTED = [() => 0, (left) => left, (left, up) => up, (left, up) => (left + up) >> 1, paeth];

function paeth(left, up, corner) {
  const [byLeft, byUp, byCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}

function unfilter(row, above, filter, step) {
  const predicted = PREDICTED[filter];
  if (!predicted) throw new Elsewhere("format", `filter ${filter}`);
  if (filter === 0) return;
  for (let i = 0; i < row.length; i++) {
    const inside = i >= step;
    row[i] += predicted(inside ? row[i - step] : 0, above[i], inside ? above[i - step] : 0);
  }
}

function spread(row, channels, bytes, rgba) {
  const colours = channels < 3 ? [0, 0, 0] : [0, 1, 2];
  const opaque = channels % 2 === 1;
  for (let to = 0, from = 0; to < rgba.length; to += 4, from += channels * bytes) {
    for (let c = 0; c < 3; c++) rgba[to + c] = row[from + colours[c] * bytes];
    rgba[to + 3] = opaque ? 255 : row[from + (channels - 1) * bytes];
  }
}
