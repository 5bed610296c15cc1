/** A file that the page makes, given to the visitor. */

import { make } from "./dom.js";

/** @param {BlobPart} content @param {string} type a media type */
export function download(content, type, name) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: address, download: name }).click();
  // The browser has taken the blob when the click returns; some take it a moment later.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
