/**
 * Whether a picture is sharp, well lit and large enough, told before it is sent.
 * The measures are those of function/lesionlens/imaging/image_quality.py, the limits the release's.
 */

import { text } from "./text.js";

const LUMA = [0.299, 0.587, 0.114]; // ITU-R BT.601

/**
 * @param {import("./picture.js").Picture} picture
 * @param {import("./picture.js").Square} square what the model will see
 * @param {number} size pixels of the model's input, on which the limits were measured
 * @returns {{sharpness: number, brightness: number, side: number}} brightness in [0, 255]; side in pixels of the file
 */
export function measures({ canvas, scale }, { x, y, side }, size) {
  const length = Math.max(1, Math.round(side));
  const { data } = canvas.getContext("2d").getImageData(Math.round(x), Math.round(y), length, length);
  const luma = new Float32Array(size * size);
  LUMA.forEach((share, channel) => {
    const plane = new Uint8ClampedArray(length * length);
    for (let i = 0; i < plane.length; i++) plane[i] = data[4 * i + channel];
    resized(resized(plane, length, length, size), length, size, size).forEach((value, i) => (luma[i] += share * value));
  });
  return { sharpness: laplacianDeviation(luma, size), brightness: mean(luma), side: side / scale };
}

/**
 * Resample the rows of a (width, length) image to `size` values and transpose: twice is both axes.
 * Whole numbers, as Pillow keeps them between its two passes: their rounding is part of the sharpness.
 */
function resized(image, length, width, size) {
  const scale = Math.max(1, length / size);
  const result = new Uint8ClampedArray(size * width);
  for (let i = 0; i < size; i++) {
    // The triangle filter of Pillow's BILINEAR, widened when shrinking.
    const centre = (i + 0.5) * length / size;
    const first = Math.max(0, Math.round(centre - scale));
    const last = Math.min(length, Math.round(centre + scale));
    const weights = [];
    for (let j = first; j < last; j++) weights.push(Math.max(0, 1 - Math.abs((j + 0.5 - centre) / scale)));
    const sum = weights.reduce((a, b) => a + b, 0);
    for (let row = 0; row < width; row++) {
      let value = 0;
      for (let j = 0; j < weights.length; j++) value += weights[j] * image[row * length + first + j];
      result[i * width + row] = value / sum;
    }
  }
  return result;
}

const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;

/** The standard deviation of the Laplacian: Pech-Pacheco et al., ICPR 2000. */
function laplacianDeviation(image, size) {
  const found = [];
  for (let y = 1; y < size - 1; y++) {
    for (let x = 1; x < size - 1; x++) {
      const i = y * size + x;
      found.push(image[i - 1] + image[i + 1] + image[i - size] + image[i + size] - 4 * image[i]);
    }
  }
  const average = mean(found);
  return Math.sqrt(mean(found.map((value) => (value - average) ** 2)));
}

/** What is wrong, as texts that say what to do. @param {object} limits of the manifest, under `quality` */
export function faults({ sharpness, brightness, side }, limits) {
  const found = [
    ["darkest", brightness < limits.darkest],
    ["brightest", brightness > limits.brightest],
    ["side", side < limits.side],
  ].filter(([, wrong]) => wrong).map(([name]) => name);
  // What is dark, bright or small looks blurred as well; taking it in focus would not help.
  if (!found.length && sharpness < limits.sharpness) found.push("sharpness");
  return found.map((name) => text(`quality.${name}`));
}
