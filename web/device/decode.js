/** From a file to the model's input: the rule of function/lesionlens/imaging/decode.py and preprocess.py. */

import { conversion } from "./colour.js";
import { open } from "./container.js";
import { Elsewhere } from "./elsewhere.js";
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
  let bitmap;
  try {
    bitmap = await createImageBitmap(picture.blob);
  } catch (error) {
    throw new Elsewhere("format", `the browser cannot draw it: ${error.message}`);
  }
  try {
    const { width, height } = bitmap;
    if (Math.min(width, height) < limits.min_side || width * height > MOST_PIXELS) throw new Elsewhere("size");
    const image = opaque(bitmap, limits.full_side, convert);
    const turned = picture.orientation > 4;
    return {
      pixels: fit(upright(image, picture.orientation), size), several: picture.several,
      width: turned ? height : width, height: turned ? width : height,
    };
  } finally {
    bitmap.close();
  }
}

/** RGB over white, shrunk as long as the shorter side stays at `fullSide` or more. */
function opaque(bitmap, fullSide, convert) {
  const { width, height } = bitmap;
  const most = Math.floor(Math.min(width, height) / fullSide);
  const factor = FACTORS.find((each) => each <= Math.max(most, 1));
  const [across, down] = [Math.ceil(width / factor), Math.ceil(height / factor)];
  const canvas = new OffscreenCanvas(width, Math.min(STRIP, height));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.globalCompositeOperation = "copy";
  const data = new Uint8Array(3 * across * down);
  for (let top = 0, to = 0; top < height; top += STRIP) {
    const rows = Math.min(STRIP, height - top);
    pen.drawImage(bitmap, 0, top, width, rows, 0, 0, width, rows);
    const strip = pen.getImageData(0, 0, width, rows).data;
    const transparent = overWhite(strip);
    if (transparent && convert) throw new Elsewhere("colours", "transparency and a profile");
    const end = to + 3 * across * Math.ceil(rows / factor);
    reduce(strip, width, rows, factor, data, to);
    convert?.(data.subarray(to, end));
    to = end;
  }
  return { data, width: across, height: down };
}

/**
 * Make transparent pixels white. @returns {boolean} whether there are any
 * @throws {Elsewhere} for half transparent ones, whose colours each browser's canvas rounds in its own way
 */
function overWhite(rgba) {
  let found = false;
  for (let p = 0; p < rgba.length; p += 4) {
    if (rgba[p + 3] === 255) continue;
    if (rgba[p + 3] !== 0) throw new Elsewhere("colours", "transparency");
    found = true;
    rgba[p] = rgba[p + 1] = rgba[p + 2] = 255;
  }
  return found;
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
