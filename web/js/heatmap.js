/** The heat map over the picture, with a slider for its strength and the same in words. */

import { make } from "./dom.js";
import { lesion, percent, text } from "./text.js";

const STRONG = 0.5; // of the strongest activation
const FIRST_STRENGTH = 60; // percent

/** Where the activation is, in words. @param {number[][]} grid values in [0, 1], rows from the top */
export function place(grid) {
  let sum = 0, down = 0, right = 0, strong = 0, cells = 0;
  grid.forEach((row, y) => row.forEach((value, x) => {
    cells += 1;
    if (value < STRONG) return;
    strong += 1;
    sum += value;
    down += value * (y + 0.5) / grid.length;
    right += value * (x + 0.5) / row.length;
  }));
  const third = (part) => Math.min(2, Math.floor(3 * part));
  const where = sum ? 3 * third(down / sum) + third(right / sum) : 4;
  return { where, share: strong / cells };
}

/** @param {object} explanation @param {import("./picture.js").Picture} picture */
export function heatmap({ explanation, input }, picture) {
  const stack = make("div", { class: "ll-stack" });
  stack.style.setProperty("aspect-ratio", `${input.width} / ${input.height}`);
  stack.append(picture.address
    ? make("img", { src: picture.address, alt: text("heatmap.picture") })
    : make("p", { class: "ll-stack__none" }, text("heatmap.none")));
  const figure = make("figure", { class: "ll-heatmap" }, stack);
  if (!explanation) return figure;

  const { where, share } = place(explanation.grid);
  const words = text("heatmap.text", {
    name: lesion(explanation.label),
    place: text("heatmap.place")[where],
    percent: percent(share),
  });
  const overlay = make("img", { class: "ll-stack__heat", alt: words,
    src: `data:image/png;base64,${explanation.overlay_png}` });
  const strength = (value) => overlay.style.setProperty("opacity", value / 100);
  const slider = make("input", { type: "range", id: "strength", min: 0, max: 100, step: 5,
    value: FIRST_STRENGTH, input: () => strength(slider.value) });
  strength(FIRST_STRENGTH);
  stack.append(overlay);

  const { x, y, width, height } = explanation.region;
  const whole = width > 0.99 && height > 0.99;
  if (!whole) stack.append(frame(x, y, width, height));
  figure.append(
    make("figcaption", {},
      make("h3", {}, text("heatmap.title")),
      make("label", { for: "strength" }, text("heatmap.strength")), slider,
      make("p", {}, words),
      make("p", { class: "ll-small" }, whole ? "" : `${text("heatmap.region")} `, text("heatmap.caution"))));
  return figure;
}

/** The square that the model saw, as fractions of the picture. */
function frame(...fractions) {
  const node = make("span", { class: "ll-stack__region", "aria-hidden": "true" });
  ["left", "top", "width", "height"].forEach((side, i) =>
    node.style.setProperty(side, `${100 * fractions[i]}%`));
  return node;
}
