/** Tables of measures; on a phone each row is shown as a card, so that no column is cut off. */

import { make } from "./dom.js";
import { number, text } from "./text.js";

const shares = (value) => `${number(100 * value)}%`;

/** A measure with its interval: "81% (77%–85%)"; a dash where it is undefined. */
export const interval = ({ value, low, high }, format = shares) =>
  value === null ? "–" : `${format(value)} (${format(low)}–${format(high)})`;

/** @param {string} label of the region @param {string[]} heads @param {(string | Node)[][]} rows each with its head first */
export function table(label, heads, rows) {
  return make("div", { class: "ll-scroll ll-table--cards", tabindex: "0", role: "region", "aria-label": label },
    make("table", {},
      make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, rows.map(([head, ...cells]) =>
        make("tr", {}, make("th", { scope: "row" }, head),
          cells.map((cell, i) => make("td", { "data-head": heads[i + 1] }, cell)))))));
}

/** Names of origins that the release gives otherwise than they are written. */
const NAMES = { ham10000: "HAM10000" };

/** Sensitivity and specificity of the flag on test pictures, averaged over their origins and for each. */
export function origins({ malignancy }) {
  const parts = [[text("table.mean"), malignancy.test], ...Object.entries(malignancy.test.by_origin ?? {})];
  const heads = ["origin", "malignant", "sensitivity", "specificity"].map((key) => text(`table.${key}`));
  return table(text("table.origins"), heads, parts.map(([name, { images, malignant, sensitivity, specificity }]) => [
    NAMES[name] ?? name, images ? text("table.count", { images: number(images), malignant: number(malignant) }) : "–",
    interval(sensitivity), interval(specificity)]));
}
