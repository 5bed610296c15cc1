/** The seven probabilities as an ordered list of bars. */

import { bar, make } from "./dom.js";
import { lesion, percent, text } from "./text.js";

/** A tag for malignant classes, with text and a symbol, so that colour is not the only cue. */
export const malignantTag = () => make("span", { class: "ll-tag" }, text("diseases.malignant"));

/** @param {{label: string, name: string, probability: number, malignant: boolean}[]} probabilities */
export function chart(probabilities) {
  const rows = probabilities.map(({ label, name, probability, malignant }) =>
    make("li", { class: malignant && "ll-chart--malignant" },
      make("span", { class: "ll-chart__name" }, lesion(label, name), " ", malignant ? malignantTag() : null),
      make("span", { class: "ll-chart__value" }, percent(probability)),
      bar(probability)));
  return make("ol", { class: "ll-chart" }, rows);
}
