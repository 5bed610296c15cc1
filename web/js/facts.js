/** What the service says of its model, asked for once and only where it is needed. */

import { read } from "./api.js";

let asked = null;
let known = null;

/** @returns {Promise<object>} the document of v1/model; a failure is tried again by the next call */
export function facts() {
  asked ??= read("v1/model").then((document) => (known = document), (problem) => {
    asked = null;
    throw problem;
  });
  return asked;
}

/** The document if it has arrived, else null. */
export const arrived = () => known;
