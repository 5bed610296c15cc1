/** The confusion matrix: rows are the truth, columns the answer. */

import { make } from "./dom.js";
import { lesion, number, text } from "./text.js";

/** @param {string[]} classes @param {number[][]} matrix counts */
export function confusion(classes, matrix) {
  const column = (label) =>
    make("th", { scope: "col" }, make("abbr", { title: lesion(label) }, label));
  const row = (label, i) => {
    const total = matrix[i].reduce((a, b) => a + b, 0);
    return make("tr", {},
      make("th", { scope: "row" }, make("span", {}, `${lesion(label)}: `), label),
      matrix[i].map((count, j) => cell(count, total ? count / total : 0, i === j)));
  };
  // On a phone only the short labels fit; the list below explains them.
  return make("div", {},
    make("div", { class: "ll-scroll", tabindex: "0", role: "region", "aria-label": text("model.matrix") },
      make("table", { class: "ll-matrix" },
        make("thead", {}, make("tr", {}, make("th", { scope: "col" }, make("span", {}, text("model.truth"))), classes.map(column))),
        make("tbody", {}, classes.map(row)))),
    make("p", { class: "ll-small" }, classes.map((label) => `${label}: ${lesion(label)}`).join("; ")));
}

/** Shaded by the share of the row; light enough for the contrast of the number. */
function cell(count, share, right) {
  const node = make("td", { class: right && "ll-matrix__right" }, number(count));
  node.style.setProperty("--share", `${Math.round(100 * share)}%`);
  return node;
}
