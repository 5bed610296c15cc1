/** The picture as it will be sent: upright, small, without metadata. */

import { redraw } from "./redraw.js";

/** @typedef {import("./redraw.js").Square} Square */

/**
 * @typedef {object} Picture
 * @property {string} name      the file's name, for messages only
 * @property {Blob} blob        what will be sent
 * @property {string} address   an address of the blob inside this page, for <img>
 * @property {boolean} redrawn  false: sent as it was, because the browser cannot draw it
 * @property {File} file        as chosen
 * @property {boolean} [cut]    whether it is a part of the file
 * @property {ImageData} [pixels] the picture as drawn, of `width` times `height` pixels
 * @property {number} [width]
 * @property {number} [height]
 * @property {number} [scale]   pixels of the drawn picture for one of the file
 * @property {Square} [square]  what the model sees of it
 * @property {boolean} [moved]  whether the visitor moved the square
 * @property {number} [settling] a timer until the square is looked at
 * @property {string[]} [faults] measures beyond their limits, once they are known
 */

/** @param {File} file @returns {Promise<Picture>} */
export async function prepare(file) {
  const { name } = file;
  try {
    return { name, file, redrawn: true, ...described(await apart(file, null)) };
  } catch {
    // HEIC in most browsers, DICOM, a damaged file: the service may read it, or says why not.
    return { name, file, blob: file, address: "", redrawn: false };
  }
}

/** The same picture cut to a square, at the file's own resolution. @param {Picture} picture @param {Square} square in pixels of the drawn picture */
export async function cut(picture, { x, y, side }) {
  const { scale } = picture;
  const made = await apart(picture.file, { x: x / scale, y: y / scale, side: side / scale });
  return { ...picture, cut: true, ...described(made) };
}

const described = ({ blob, pixels, scale }) => (
  { blob, address: URL.createObjectURL(blob), pixels, width: pixels.width, height: pixels.height, scale });

/** `redraw` in a worker, for a large picture takes long. @returns {Promise<import("./redraw.js").Redrawn>} */
async function apart(file, square) {
  if (!("OffscreenCanvas" in globalThis)) return redraw(file, square);
  const worker = new Worker(new URL("redraw-worker.js", import.meta.url), { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      // A browser without modules in workers, or no connection to fetch them.
      worker.addEventListener("error", () => redraw(file, square).then(resolve, reject));
      worker.addEventListener("message", ({ data }) => (data.failed ? reject(new Error(data.failed)) : resolve(data)));
      worker.postMessage({ file, square });
    });
  } finally {
    worker.terminate();
  }
}

/** Whether a file may be a picture. Some systems give HEIC and DICOM no type at all. */
export const maybePicture = (file) =>
  !file.type || file.type.startsWith("image/") || file.type === "application/dicom";

/** Give the memory back. @param {Picture} picture */
export function forget({ address, settling }) {
  clearTimeout(settling);
  if (address) URL.revokeObjectURL(address);
}
