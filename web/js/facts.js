/** The document of v1/model, requested once and only when needed. */

import { read } from "./api.js";

let asked = null;
let known = null;

/** @returns {Promise<object>} the document; after a failure the next call tries again */
export function facts() {
  asked ??= read("v1/model").then((document) => (known = document), (problem) => {
    asked = null;
    throw problem;
  });
  return asked;
}

/** The document if it has been loaded, else null. */
export const arrived = () => known;
