/** From a file to the model's input: the rule of function/lesionlens/imaging/decode.py and preprocess.py. */

import { conversion } from "./colour.js";
import { open } from "./container.js";
import { Elsewhere } from "./elsewhere.js";
import { decoded } from "./png.js";
import { fit, reduce } from "./resample.js";

const STRIP = 256; // rows that are read at once; a multiple of the largest factor
const FACTORS = [8, 4, 2, 1];
const MOST_PIXELS = 50e6; // RGBA in memory: 200 MB while they are decoded

/**
 * @param {Blob} file
 * @param {{size: number, preprocessing: object}} input of the manifest
 * @param {{min_side: number, full_side: number}} limits of the service
 * @returns {Promise<{pixels: Uint8Array, width: number, height: number, several: boolean}>}
 *   pixels: (size, size, 3) RGB; width and height: the file's own, upright
 * @throws {Elsewhere}
 */
export async function prepare(file, { size, preprocessing }, limits) {
  const { geometry, ...options } = preprocessing;
  if (geometry !== "centre-crop" || Object.values(options).some(Boolean)) throw new Elsewhere("model", "preprocessing");
  const picture = await open(new Uint8Array(await file.arrayBuffer()));
  const convert = picture.profile && conversion(picture.profile);
  const { width, height, rows, close } = await (picture.samples ? exactly(picture, limits) : drawn(picture, limits));
  try {
    const image = opaque(width, height, rows, limits.full_side, convert);
    const turned = picture.orientation > 4;
    return {
      pixels: fit(upright(image, picture.orientation), size), several: picture.several,
      width: turned ? height : width, height: turned ? width : height,
    };
  } finally {
    close();
  }
}

/**
 * @typedef {object} Source
 * @property {number} width
 * @property {number} height
 * @property {(top: number, count: number) => Uint8ClampedArray} rows RGBA, `count` rows from `top` on; changeable
 * @property {() => void} close
 */

function sized({ width, height }, { min_side: least }) {
  if (Math.min(width, height) < least || width * height > MOST_PIXELS) throw new Elsewhere("size");
}

/** A picture by the browser's decoder and canvas. @returns {Promise<Source>} */
async function drawn({ blob }, limits) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch (error) {
    throw new Elsewhere("format", `the browser cannot draw it: ${error.message}`);
  }
  sized(bitmap, limits);
  const { width, height } = bitmap;
  const pen = new OffscreenCanvas(width, Math.min(STRIP, height)).getContext("2d", { willReadFrequently: true });
  pen.globalCompositeOperation = "copy";
  const rows = (top, count) => {
    pen.drawImage(bitmap, 0, top, width, count, 0, 0, width, count);
    const { data } = pen.getImageData(0, 0, width, count);
    for (let p = 3; p < data.length; p += 4) {
      // Each browser's canvas rounds the colours of half-transparent pixels in its own way.
      if (data[p] !== 255 && data[p] !== 0) throw new Elsewhere("colours", "transparency");
    }
    return data;
  };
  return { width, height, rows, close: () => bitmap.close() };
}

/** A PNG by its samples. @returns {Promise<Source>} */
async function exactly({ samples, compressed }, limits) {
  sized(samples, limits);
  const { width, height } = samples;
  const rgba = await decoded(samples, compressed);
  return { width, height, rows: (top, count) => rgba.subarray(4 * top * width, 4 * (top + count) * width), close() {} };
}

/** RGB over white, shrunk as long as the shorter side stays at `fullSide` or more. */
function opaque(width, height, rows, fullSide, convert) {
  const most = Math.floor(Math.min(width, height) / fullSide);
  const factor = FACTORS.find((each) => each <= Math.max(most, 1));
  const [across, down] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  const data = new Uint8Array(3 * across * down);
  for (let top = 0, to = 0; top < height; top += STRIP) {
    const count = Math.min(STRIP, height - top);
    const strip = rows(top, count);
    const end = to + 3 * across * Math.ceil(count / factor);
    const made = data.subarray(to, end);
    // The function puts pixels over white last; of what is shrunk, that makes no difference to speak of.
    if (factor > 1) overWhite(strip, 4, strip);
    reduce(strip, width, count, factor, data, to);
    convert?.(made);
    if (factor === 1) overWhite(made, 3, strip);
    to = end;
  }
  return { data, width: across, height: down };
}

/** Blend pixels, `step` bytes apart, with white by the alpha of `rgba`, as Pillow's `paste` with a mask does. */
function overWhite(pixels, step, rgba) {
  for (let p = 0, at = 0; p < rgba.length; p += 4, at += step) {
    const alpha = rgba[p + 3];
    if (alpha === 255) continue;
    for (let c = 0; c < 3; c++) {
      const sum = 255 * (255 - alpha) + pixels[at + c] * alpha + 128;
      pixels[at + c] = ((sum >> 8) + sum) >> 8;
    }
  }
}

/** How each orientation is put upright (EXIF 2.32, 4.6.4 A): where upright (x, y) stands in the file. */
const PLACES = {
  2: (x, y, w) => [w - 1 - x, y], 3: (x, y, w, h) => [w - 1 - x, h - 1 - y], 4: (x, y, w, h) => [x, h - 1 - y],
  5: (x, y) => [y, x], 6: (x, y, w, h) => [y, h - 1 - x], 7: (x, y, w, h) => [w - 1 - y, h - 1 - x], 8: (x, y, w) => [w - 1 - y, x],
};

function upright(image, orientation) {
  const place = PLACES[orientation];
  if (!place) return image;
  const { data, width: w, height: h } = image;
  const [width, height] = orientation > 4 ? [h, w] : [w, h];
  const made = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const [column, row] = place(x, y, w, h);
      const from = 3 * (row * w + column);
      made[to] = data[from];
      made[to + 1] = data[from + 1];
      made[to + 2] = data[from + 2];
    }
  }
  return { data: made, width, height };
}
