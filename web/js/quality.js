/** Whether a picture is sharp, well lit and large enough, told before it is sent: by the measures and limits of the release. */

import { exceeded, measures } from "../device/quality.js";
import { fit } from "../device/resample.js";

/**
 * @param {import("./picture.js").Picture} picture
 * @param {import("./picture.js").Square} square what the model will see
 * @param {number} size pixels of the model's input, on which the limits were measured
 */
export function measured({ canvas, scale }, { x, y, side }, size) {
  const length = Math.max(1, Math.round(side));
  const { data } = canvas.getContext("2d").getImageData(Math.round(x), Math.round(y), length, length);
  const rgb = data.filter((_, index) => index % 4 < 3);
  return measures(fit({ data: rgb, width: length, height: length }, size), size, side / scale);
}

/** The measures that are beyond their limits. @param {object} release the document of v1/model @returns {string[]} */
export const faults = (picture, square, { quality: { limits }, input: { size } }) =>
  exceeded(measured(picture, square, size), limits);
