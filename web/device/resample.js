/**
 * Pillow's ways to make a picture smaller, pixel for pixel: `Image.reduce` and the antialiased
 * bilinear filter of `ImageOps.fit` (src/libImaging/Reduce.c and Resample.c).
 */

const BITS = 22; // of a weight, as a whole number
const HALF = 1 << (BITS - 1);

/** @typedef {{data: Uint8Array, width: number, height: number}} Image of RGB pixels, row by row */

/** Where each of `count` output pixels looks among `size` input pixels, and how much each counts. */
function weights(size, from, to, count) {
  const scale = (to - from) / count;
  const support = Math.max(scale, 1);
  const inverse = 1 / support;
  return Array.from({ length: count }, (_, i) => {
    const centre = from + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(size, Math.trunc(centre + support + 0.5));
    const found = [];
    for (let x = first; x < last; x++) found.push(Math.max(0, 1 - Math.abs((x - centre + 0.5) * inverse)));
    const sum = found.reduce((a, b) => a + b, 0);
    return { first, by: Int32Array.from(found, (weight) => Math.trunc(0.5 + (weight / sum) * (1 << BITS))) };
  });
}

const clipped = (sum) => {
  const value = sum >> BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
};

/** The middle square of a picture, as (size, size) pixels. @param {Image} image @returns {Uint8Array} RGB */
export function fit({ data, width, height }, size) {
  const side = Math.min(width, height);
  const [left, top] = [(width - side) / 2, (height - side) / 2];
  const columns = weights(width, left, left + side, size);
  const rows = weights(height, top, top + side, size);
  const row = 3 * size;
  const narrow = new Uint8Array(height * row);
  for (let y = 0; y < height; y++) {
    for (let i = 0; i < size; i++) {
      const { first, by } = columns[i];
      let r = HALF, g = HALF, b = HALF;
      for (let k = 0, at = 3 * (y * width + first); k < by.length; k++, at += 3) {
        r += data[at] * by[k];
        g += data[at + 1] * by[k];
        b += data[at + 2] * by[k];
      }
      const to = y * row + 3 * i;
      narrow[to] = clipped(r);
      narrow[to + 1] = clipped(g);
      narrow[to + 2] = clipped(b);
    }
  }
  const made = new Uint8Array(size * row);
  for (let j = 0; j < size; j++) {
    const { first, by } = rows[j];
    for (let i = 0; i < row; i++) {
      let sum = HALF;
      for (let k = 0; k < by.length; k++) sum += narrow[(first + k) * row + i] * by[k];
      made[j * row + i] = clipped(sum);
    }
  }
  return made;
}

/**
 * Averages of factor × factor pixels; at the right and at the bottom of what is left there.
 * @param {Uint8ClampedArray} rgba `rows` rows of `width` pixels @param {Uint8Array} to RGBA
 * @param {number} at where in `to` the first row goes
 */
export function reduce(rgba, width, rows, factor, to, at) {
  const across = Math.ceil(width / factor);
  for (let y = 0; y < rows; y += factor) {
    const below = Math.min(rows, y + factor);
    for (let i = 0; i < across; i++, at += 4) {
      const right = Math.min(width, (i + 1) * factor);
      let r = 0, g = 0, b = 0, a = 0;
      for (let row = y; row < below; row++) {
        for (let x = i * factor, p = 4 * (row * width + x); x < right; x++, p += 4) {
          // Of a transparent pixel the colour does not count.
          const alpha = rgba[p + 3];
          r += alpha === 255 ? rgba[p] : Math.round(rgba[p] * alpha / 255);
          g += alpha === 255 ? rgba[p + 1] : Math.round(rgba[p + 1] * alpha / 255);
          b += alpha === 255 ? rgba[p + 2] : Math.round(rgba[p + 2] * alpha / 255);
          a += alpha;
        }
      }
      const count = (below - y) * (right - i * factor);
      const mean = (sum) => Math.floor((sum + (count >> 1)) / count);
      const alpha = mean(a);
      const colour = (sum) => (alpha === 255 ? mean(sum) : alpha ? Math.min(255, Math.floor(255 * mean(sum) / alpha)) : 0);
      to[at] = colour(r);
      to[at + 1] = colour(g);
      to[at + 2] = colour(b);
      to[at + 3] = alpha;
    }
  }
}
