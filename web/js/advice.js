/** What to do next: one of four levels, from the service's flag and the classes it names. */

import { byId, make } from "./dom.js";
import { number, text } from "./text.js";

/** How urgent a class is, stated once: in the page's list of diseases. */
export const urgency = (label) => byId(`disease-${label}`)?.dataset.urgency ?? "appointment";

/** @returns {"unknown" | "watch" | "appointment" | "soon"} */
export function level({ prediction, malignancy, probabilities }) {
  if (!prediction) return "unknown";
  const headline = probabilities.find(({ label }) => label === prediction.label);
  if (!malignancy?.flag && !headline?.malignant) return "watch";
  // Melanoma need not be the headline to count: as much as is flagged of malignancy is enough.
  const enough = probabilities.filter(({ probability }) => probability >= (malignancy?.threshold ?? 1));
  return [headline, ...enough].some(({ label, malignant }) => malignant && urgency(label) === "soon")
    ? "soon" : "appointment";
}

/** @returns {HTMLElement} */
export function advice(result) {
  const found = level(result);
  return make("section", { class: "ll-advice", "data-urgency": found },
    make("p", { class: "ll-advice__label" }, text("result.next")),
    make("h3", {}, text(`level.${found}`)),
    make("p", {}, text(`level.${found}Text`)),
    make("p", {}, make("strong", {}, text("level.doubt"))));
}

/** One in how many malignant lesions stays below the threshold; told only when it is known. */
export function missed(sensitivity) {
  if (!(sensitivity < 1)) return text("result.missedSome");
  return text("result.missed", { n: number(1 / (1 - sensitivity)) });
}
