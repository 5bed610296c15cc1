/** Offer generated content as a file. */

import { make } from "./dom.js";

/** @param {BlobPart} content @param {string} type a media type */
export function download(content, type, name) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: address, download: name }).click();
  // Some browsers read the blob only after the click returns.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
