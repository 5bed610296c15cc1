/** Sharpness, brightness and size of a picture before it is sent, against the release's limits. */

import { exceeded, measures } from "../device/quality.js";
import { fit, reduce } from "../device/resample.js";

/**
 * @param {import("./picture.js").Picture} picture
 * @param {import("./picture.js").Square} square what the model will see
 * @param {number} size pixels of the model's input, on which the limits were measured
 */
export function measured({ pixels: { data, width }, scale }, { x, y, side }, size) {
  const length = Math.max(1, Math.round(side));
  const left = Math.min(Math.round(x), width - length);
  const top = Math.min(Math.round(y), data.length / 4 / width - length);
  const rgb = new Uint8Array(3 * length * length);
  for (let row = 0; row < length; row++) {
    reduce(data.subarray(4 * ((top + row) * width + left)), length, 1, 1, rgb, 3 * row * length);
  }
  return measures(fit({ data: rgb, width: length, height: length }, size), size, side / scale);
}

/** The names of the measures beyond their limits. @param {object} release the document of v1/model @returns {string[]} */
export const faults = (picture, square, { quality: { limits }, input: { size } }) =>
  exceeded(measured(picture, square, size), limits);
