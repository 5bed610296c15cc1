/** The chance of cancer as a natural frequency: so many of a hundred pictures like this. */

import { chance, judged, level, missed, ofHundred, probable } from "./answer.js";
import { make } from "./dom.js";
import { counted, number, text } from "./text.js";

const ACROSS = 25;
const SVG = document.querySelector("svg").namespaceURI;

/** @param {object} result @param {object | null} facts of the model, once they have arrived */
export function chanceOf(result, facts) {
  if (!judged(result)) return "";
  const { malignancy, prior } = result;
  return make("section", { class: "ll-chance" },
    make("p", {}, chance(result)),
    dots(ofHundred(malignancy.probability)),
    malignancy.flag && !probable(result) ? make("p", { class: "ll-missed" }, text("chance.although")) : null,
    // A lower chance than that of all pictures would speak against the advice to see a doctor.
    malignancy.probability > prior.malignant
      ? make("p", { class: "ll-small" }, text("chance.all", { n: number(ofHundred(prior.malignant)) })) : null,
    level(result) === "watch" ? make("p", { class: "ll-missed" }, missed(facts)) : null);
}

/** A hundred dots: filled for cancer, rings for the rest, so that shape and not only colour tells them apart. */
function dots(marked) {
  const node = (name, properties) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(properties)) made.setAttribute(key, value);
    return made;
  };
  const picture = node("svg", { viewBox: `0 0 ${10 * ACROSS} 40`, role: "img", "aria-label": counted("chance.figure", marked) });
  for (let i = 0; i < 100; i++) {
    picture.append(node("circle", { cx: 10 * (i % ACROSS) + 5, cy: 10 * Math.floor(i / ACROSS) + 5, r: 3.8, class: i < marked ? "ll-marked" : "" }));
  }
  return picture;
}
