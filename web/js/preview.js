/** The chosen picture before it is sent: what will be sent, the model's square, and what could be better. */

import { crop } from "./crop.js";
import { byId, make } from "./dom.js";
import { facts } from "./facts.js";
import { cut } from "./picture.js";
import { faults } from "./quality.js";
import { number, text } from "./text.js";

const SETTLED = 150; // milliseconds without a movement of the square

let square = null;
let moved = false;
let settling = 0;

/** @param {import("./picture.js").Picture} picture */
export function show(picture) {
  const { name, blob, redrawn, width, height } = picture;
  byId("preview-text").textContent = redrawn
    ? text("upload.redrawn", { width, height, size: `${number(blob.size / 1024)} KB` })
    : text("upload.unchanged", { name });
  byId("quality").replaceChildren();
  byId("crop").replaceChildren(...(redrawn ? crop(picture, square, (to, away) => {
    square = to;
    moved = away;
    clearTimeout(settling);
    settling = setTimeout(() => judge(picture), SETTLED);
  }) : []));
}

export function forget() {
  clearTimeout(settling);
  square = null;
  moved = false;
  byId("crop").replaceChildren();
  byId("quality").replaceChildren();
}

/** The picture to send: all of it, or the square where the visitor has moved it. */
export const chosen = async (picture) => (moved ? cut(picture, square) : picture);

async function judge(picture) {
  let release;
  try {
    release = await facts();
  } catch {
    // Without the limits nothing can be said here; the service still says it with its answer.
    return;
  }
  const found = faults(picture, square, release);
  byId("quality").replaceChildren(...(found.length ? [make("div", { class: "ll-warnings" },
    make("h3", {}, text("quality.title")), make("ul", {}, found.map((words) => make("li", {}, words))),
    make("p", {}, text("quality.anyway")))] : []));
}
