/** The picture as it will be sent: upright, small, without metadata. */

const LONGEST_SIDE = 1024; // pixels; the model sees far fewer
const QUALITY = 0.92; // JPEG: what a dermatoscopic picture loses at this quality is invisible

/**
 * @typedef {object} Picture
 * @property {string} name      the file's name, for messages only
 * @property {Blob} blob        what will be sent
 * @property {string} address   an address of the blob inside this page, for <img>
 * @property {boolean} redrawn  false: sent as it was, because the browser cannot draw it
 * @property {number} [width]
 * @property {number} [height]
 */

/** @param {File} file @returns {Promise<Picture>} */
export async function prepare(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    // HEIC in most browsers, DICOM, a damaged file: the service may read it, or says why not.
    return { name: file.name, blob: file, address: "", redrawn: false };
  }
  const scale = Math.min(1, LONGEST_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext("2d");
  // JPEG knows no transparency: without this, transparent becomes black.
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
  if (!blob) return { name: file.name, blob: file, address: "", redrawn: false };
  return {
    name: file.name,
    blob,
    address: URL.createObjectURL(blob),
    redrawn: true,
    width: canvas.width,
    height: canvas.height,
  };
}

/** Whether a file may be a picture. Some systems give HEIC and DICOM no type at all. */
export const maybePicture = (file) =>
  !file.type || file.type.startsWith("image/") || file.type === "application/dicom";

/** Give the memory back. @param {Picture | null} picture */
export function forget(picture) {
  if (picture?.address) URL.revokeObjectURL(picture.address);
}
