/** What an answer means for the visitor: what kind of picture, how urgent, how likely. */

import { byId } from "./dom.js";
import { has, lesion, number, percent, text } from "./text.js";

/** How urgent a class is, stated once: in the page's list of diseases. */
const urgency = (label) => byId(`disease-${label}`)?.dataset.urgency ?? "appointment";

/** A release that cannot tell the kinds names a class of every picture. @returns {"dermatoscopic" | "close-up" | "other"} */
export function kind({ input, prediction }) {
  if (prediction) return "dermatoscopic";
  return input.kind === "close-up" ? "close-up" : "other";
}

/** How soon a doctor should look. @returns {"soon" | "appointment" | "watch"} */
export function level({ prediction, malignancy, probabilities }) {
  const headline = probabilities.find(({ label }) => label === prediction.label);
  if (!malignancy.flag && !headline.malignant) return "watch";
  // Melanoma need not stand first to count: enough of it to be marked by itself is enough.
  const { threshold } = malignancy.decision;
  const enough = probabilities.filter(({ probability }) => probability >= threshold);
  return [headline, ...enough].some(({ label, malignant }) => malignant && urgency(label) === "soon")
    ? "soon" : "appointment";
}

/** The advice in a few words. */
export const advice = (result) =>
  text(kind(result) === "dermatoscopic" ? `level.${level(result)}` : `kind.${kind(result)}`);

/** Of a hundred pictures: 0 and 100 are never said, because a model is never that sure. */
export function ofHundred(share) {
  return Math.max(0, Math.min(100, Math.round(100 * share)));
}

/** The chance of cancer as people count. */
export function chance({ malignancy }) {
  if (!malignancy) return "";
  const { probability } = malignancy;
  if (probability < 0.01) return text("chance.under");
  if (probability > 0.99) return text("chance.over");
  return text("chance.text", { n: number(ofHundred(probability)) });
}

/** The class that stands first, with its probability. */
export const likely = ({ prediction }) => text("result.likely", {
  name: lesion(prediction.label, prediction.name), percent: percent(prediction.probability) });

/** A warning of the service in the visitor's language, as far as the page knows it. */
export const warned = ({ code, message }) => (has(`warning.${code}`) ? text(`warning.${code}`) : message);

/** One in how many malignant lesions stays unmarked; told in numbers only when they are known. */
export function missed(facts) {
  const sensitivity = facts?.malignancy.test?.sensitivity.value;
  return sensitivity < 1
    ? text("chance.missed", { n: number(1 / (1 - sensitivity)) }) : text("chance.missedSome");
}

/** What answered, and under which request the log knows it. */
export const support = ({ model, request_id: id }) =>
  `${text("result.model", model)}. ${text("result.request", { id })}`;
