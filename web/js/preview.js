/** The preview: what will be sent, the model's input square, and remarks on quality. */

import { crop, middle } from "./crop.js";
import { byId, make } from "./dom.js";
import { facts } from "./facts.js";
import { cut } from "./picture.js";
import { faults } from "./quality.js";
import * as tray from "./tray.js";
import { text } from "./text.js";

const SETTLED = 150; // milliseconds without a movement of the square

/** Show the current picture of the tray. */
export function show() {
  tray.draw();
  const picture = tray.current();
  const { name, redrawn } = picture;
  byId("preview-text").textContent = redrawn
    ? text("upload.redrawn")
    : text("upload.unchanged", { name });
  byId("crop").replaceChildren(...(redrawn ? crop(picture, picture.square, (square, moved) => {
    Object.assign(picture, { square, moved });
    clearTimeout(picture.settling);
    picture.settling = setTimeout(() => judge(picture), SETTLED);
  }) : []));
  say(picture);
}

export function forget() {
  byId("crop").replaceChildren();
  byId("quality").replaceChildren();
}

/** The picture to send: the whole, or the square if the visitor has moved it. */
export const chosen = async (picture) => (picture.moved ? cut(picture, picture.square) : picture);

/** Measure the quality of a picture, whether or not it is the one shown. */
export async function judge(picture) {
  if (!picture.redrawn) return;
  let release;
  try {
    release = await facts();
  } catch {
    // The limits are unknown; the service's answer will carry the warnings.
    return;
  }
  picture.faults = faults(picture, picture.square ?? middle(picture), release);
  if (picture === tray.current()) say(picture);
  tray.mark(picture);
}

function say({ faults: found = [] }) {
  byId("quality").replaceChildren(...(found.length ? [make("div", { class: "ll-warnings" },
    make("h3", {}, text("quality.title")), make("ul", {}, found.map((name) => make("li", {}, text(`quality.${name}`)))),
    make("p", {}, text("quality.anyway")))] : []));
}
