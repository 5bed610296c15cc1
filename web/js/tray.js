/** The chosen pictures of one lesion, of which one is shown large. */

import { byId, make } from "./dom.js";
import { forget } from "./picture.js";
import { text } from "./text.js";

export const MOST = 3;

/** @type {import("./picture.js").Picture[]} */
let pictures = [];
let shown = 0;
let listeners = { selected: () => {}, added: () => {} };

/** @param {{selected: () => void, added: (files: File[]) => void}} on called when another picture is selected and when files are added */
export const listen = (on) => (listeners = on);

export const all = () => pictures;
export const current = () => pictures[shown] ?? null;

/** Add a picture and select it. */
export function add(picture) {
  pictures.push(picture);
  shown = pictures.length - 1;
}

export function clear() {
  pictures.forEach(forget);
  pictures = [];
  shown = 0;
  byId("tray").replaceChildren();
  byId("tray-more").replaceChildren();
}

function select(index) {
  shown = index;
  listeners.selected();
  byId("tray").querySelectorAll("li button")[index].focus();
}

function remove() {
  pictures.splice(shown, 1).forEach(forget);
  shown = 0;
  listeners.selected();
  (byId("tray").querySelector("button") ?? byId("more")).focus();
}

/** Draw the list, if there are several pictures, and the button to add one. */
export function draw() {
  const several = pictures.length > 1;
  byId("again").hidden = several;
  document.querySelector("label[for=consent]").textContent = text(several ? "tray.consent" : "upload.consent");
  byId("tray").replaceChildren(...(several ? [make("ul", {}, pictures.map(thumbnail)),
    make("button", { class: "ll-button", type: "button", click: remove }, text("tray.remove"))] : []));
  byId("tray-more").replaceChildren(...(pictures.length < MOST ? adding() : []));
  byId("tray-hint").textContent = text("tray.hint", { most: MOST });
}

/** Redraw the list entry of a picture whose faults have become known; the file input stays as it is. */
export function mark(picture) {
  const index = pictures.indexOf(picture);
  const item = byId("tray").querySelectorAll("li")[index];
  if (!item) return;
  const focused = item.contains(document.activeElement);
  const redrawn = thumbnail(picture, index);
  item.replaceWith(redrawn);
  if (focused) redrawn.firstChild.focus();
}

function thumbnail(picture, index) {
  return make("li", {}, make("button", { type: "button", "aria-pressed": String(index === shown), click: () => select(index) },
    picture.address ? make("img", { src: picture.address, alt: "", width: 72, height: 72 }) : null,
    make("span", {}, text("tray.picture", { n: index + 1 })),
    picture.faults?.length ? make("span", { class: "ll-tray__fault" }, text("tray.fault")) : null));
}

function adding() {
  const input = make("input", { class: "ll-file", id: "more", type: "file", accept: byId("image").accept, multiple: true,
    change: () => listeners.added([...input.files]) });
  return [input, make("label", { class: "ll-button", for: "more" }, text("tray.add"))];
}
