/** The picture as it will be sent: upright, small, without metadata. */

const LONGEST_SIDE = 1024; // pixels; the model sees far fewer
const QUALITY = 0.92; // JPEG: what a dermatoscopic picture loses at this quality is invisible

/**
 * @typedef {object} Picture
 * @property {string} name      the file's name, for messages only
 * @property {Blob} blob        what will be sent
 * @property {string} address   an address of the blob inside this page, for <img>
 * @property {boolean} redrawn  false: sent as it was, because the browser cannot draw it
 * @property {File} file        as chosen
 * @property {boolean} [cut]    whether it is a part of the file
 * @property {HTMLCanvasElement} [canvas] the picture as drawn, of `width` times `height` pixels
 * @property {number} [width]
 * @property {number} [height]
 * @property {number} [scale]   pixels of the canvas for one of the file
 * @property {Square} [square]  what the model sees of it
 * @property {boolean} [moved]  whether the visitor moved the square
 * @property {number} [settling] a timer until the square is looked at
 * @property {string[]} [faults] measures beyond their limits, once they are known
 */

/** @typedef {{x: number, y: number, side: number}} Square in pixels of the canvas */

/** @param {File} file @returns {Promise<Picture>} */
export async function prepare(file) {
  const unchanged = { name: file.name, file, blob: file, address: "", redrawn: false };
  let bitmap;
  try {
    bitmap = await upright(file);
  } catch {
    // HEIC in most browsers, DICOM, a damaged file: the service may read it, or says why not.
    return unchanged;
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = drawn(bitmap, 0, 0, bitmap.width, bitmap.height, scale);
  const blob = await encoded(canvas);
  if (!blob) return unchanged;
  const { width, height } = canvas;
  return { name: file.name, file, blob, address: URL.createObjectURL(blob), redrawn: true, canvas, width, height, scale };
}

/** The same picture cut to a square, at the file's own resolution. @param {Picture} picture @param {Square} square */
export async function cut(picture, { x, y, side }) {
  const bitmap = await upright(picture.file);
  const [left, top, length] = [x, y, side].map((value) => value / picture.scale);
  const canvas = drawn(bitmap, left, top, length, length, Math.min(1, LONGEST_SIDE / length));
  const blob = await encoded(canvas);
  return { ...picture, cut: true, blob, address: URL.createObjectURL(blob), canvas, width: canvas.width, height: canvas.height };
}

const upright = (file) => createImageBitmap(file, { imageOrientation: "from-image" });

/** A part of a bitmap on a canvas; closes the bitmap. */
function drawn(bitmap, x, y, width, height, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  // JPEG knows no transparency: without this, transparent becomes black.
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, x, y, width, height, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas;
}

const encoded = (canvas) => new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));

/** Whether a file may be a picture. Some systems give HEIC and DICOM no type at all. */
export const maybePicture = (file) =>
  !file.type || file.type.startsWith("image/") || file.type === "application/dicom";

/** Give the memory back. @param {Picture} picture */
export function forget({ address, settling }) {
  clearTimeout(settling);
  if (address) URL.revokeObjectURL(address);
}
