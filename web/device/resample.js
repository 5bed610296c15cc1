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

/** Each row's `weights.length` pixels from its `width`. */
function across(data, width, height, weights) {
  const made = new Uint8Array(3 * weights.length * height);
  for (let y = 0, to = 0; y < height; y++) {
    for (let i = 0; i < weights.length; i++, to += 3) {
      const { first, by } = weights[i];
      let r = HALF, g = HALF, b = HALF;
      for (let k = 0, at = 3 * (y * width + first); k < by.length; k++, at += 3) {
        r += data[at] * by[k];
        g += data[at + 1] * by[k];
        b += data[at + 2] * by[k];
      }
      made[to] = clipped(r);
      made[to + 1] = clipped(g);
      made[to + 2] = clipped(b);
    }
  }
  return made;
}

/** `weights.length` rows from those of a picture, each of `width` pixels. */
function down(data, width, weights) {
  const row = 3 * width;
  const made = new Uint8Array(weights.length * row);
  weights.forEach(({ first, by }, j) => {
    for (let i = 0; i < row; i++) {
      let sum = HALF;
      for (let k = 0; k < by.length; k++) sum += data[(first + k) * row + i] * by[k];
      made[j * row + i] = clipped(sum);
    }
  });
  return made;
}

/** The middle square of a picture, as (size, size) pixels. @param {Image} image @returns {Uint8Array} RGB */
export function fit({ data, width, height }, size) {
  const side = Math.min(width, height);
  const [left, top] = [(width - side) / 2, (height - side) / 2];
  const columns = weights(width, left, left + side, size);
  const rows = weights(height, top, top + side, size);
  // Which pass is first shows in the rounding between them. Found by trying Pillow 13 on many sizes.
  const downFirst = height > size && 2 * width < height + size;
  return downFirst ? across(down(data, width, rows), width, size, columns)
    : down(across(data, width, height, columns), size, rows);
}

/**
 * Averages of factor × factor pixels; at the right and at the bottom of what is left there.
 * @param {Uint8ClampedArray} rgba `rows` rows of `width` opaque pixels
 * @param {Uint8Array} to RGB @param {number} at where in `to` the first row goes
 */
export function reduce(rgba, width, rows, factor, to, at) {
  for (let y = 0; y < rows; y += factor) {
    const below = Math.min(rows, y + factor);
    for (let x = 0; x < width; x += factor, at += 3) {
      const right = Math.min(width, x + factor);
      let r = 0, g = 0, b = 0;
      for (let row = y; row < below; row++) {
        for (let p = 4 * (row * width + x); p < 4 * (row * width + right); p += 4) {
          r += rgba[p];
          g += rgba[p + 1];
          b += rgba[p + 2];
        }
      }
      const count = (below - y) * (right - x);
      to[at] = Math.floor((r + (count >> 1)) / count);
      to[at + 1] = Math.floor((g + (count >> 1)) / count);
      to[at + 2] = Math.floor((b + (count >> 1)) / count);
    }
  }
}
