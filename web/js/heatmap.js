/** The heat map: the picture with and without it, a legend, and a description in words. */

import { make } from "./dom.js";
import { lesion, percent, text } from "./text.js";

const STRONG = 0.5; // of the strongest activation

/** The position and extent of the activation. @param {number[][]} grid values in [0, 1], rows from the top */
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

/** The picture with the model's input framed, optionally under its heat map. */
export function stack({ explanation, input }, picture, heat) {
  const box = make("div", { class: "ll-stack" });
  box.style.setProperty("aspect-ratio", `${input.width} / ${input.height}`);
  box.append(picture.address
    ? make("img", { src: picture.address, alt: text("heatmap.picture") })
    : make("p", { class: "ll-stack__none" }, text("heatmap.none")));
  if (!heat) return box;
  box.append(make("img", { class: "ll-stack__heat", alt: words(explanation),
    src: `data:image/png;base64,${explanation.overlay_png}` }));
  const { x, y, width, height } = explanation.region;
  if (!whole(explanation)) box.append(frame(x, y, width, height));
  return box;
}

/** @param {object} result @param {import("./picture.js").Picture} picture @returns {HTMLElement | null} */
export function heatmap(result, picture) {
  const { explanation } = result;
  if (!explanation) return null;
  return make("details", {}, make("summary", {}, text("heatmap.title")),
    make("figure", { class: "ll-heatmap" },
      make("div", {}, make("p", { class: "ll-small" }, text("heatmap.plain")), stack(result, picture, false)),
      make("div", {}, make("p", { class: "ll-small" }, text("heatmap.shown")), stack(result, picture, true)),
      make("figcaption", {},
        make("p", { class: "ll-legend" }, text("heatmap.little"), make("i"), text("heatmap.much")),
        make("p", {}, words(explanation)),
        make("p", { class: "ll-small" }, whole(explanation) ? "" : `${text("heatmap.region")} `, text("heatmap.caution")))));
}

const whole = ({ region: { width, height } }) => width > 0.99 && height > 0.99;

function words({ grid, label }) {
  const { where, share } = place(grid);
  return text("heatmap.text", { name: lesion(label), place: text("heatmap.place")[where], percent: percent(share) });
}

/** A frame around the model's input, given as fractions of the picture. */
function frame(...fractions) {
  const node = make("span", { class: "ll-stack__region", "aria-hidden": "true" });
  ["left", "top", "width", "height"].forEach((side, i) =>
    node.style.setProperty(side, `${100 * fractions[i]}%`));
  return node;
}
