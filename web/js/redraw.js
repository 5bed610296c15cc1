/** A picture drawn anew: upright, small, over white, without metadata. */

const LONGEST_SIDE = 1024; // pixels; the model sees far fewer
const QUALITY = 0.92; // JPEG: what a dermatoscopic picture loses at this quality is invisible

/**
 * @typedef {object} Redrawn
 * @property {Blob} blob         a JPEG
 * @property {ImageData} pixels  the same, before it was compressed
 * @property {number} scale      pixels of it for one of the file
 */

/** @typedef {{x: number, y: number, side: number}} Square in pixels */

/**
 * @param {Blob} file
 * @param {Square | null} square a part of the upright file; null: all of it
 * @returns {Promise<Redrawn>} rejected for what the browser cannot draw
 */
export async function redraw(file, square) {
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  const { x, y, width, height } = square ? { ...square, width: square.side, height: square.side }
    : { x: 0, y: 0, width: bitmap.width, height: bitmap.height };
  const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  const canvas = blank(...[width, height].map((side) => Math.max(1, Math.round(side * scale))));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  // JPEG has no transparency: without this, transparent becomes black.
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, x, y, width, height, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return { blob: await jpeg(canvas), pixels: pen.getImageData(0, 0, canvas.width, canvas.height), scale };
}

const blank = (width, height) => ("OffscreenCanvas" in globalThis ? new OffscreenCanvas(width, height)
  : Object.assign(document.createElement("canvas"), { width, height }));

const jpeg = (canvas) => (canvas.convertToBlob ? canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY })
  : new Promise((done, failed) => canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("no JPEG"))), "image/jpeg", QUALITY)));
