/** Interprets the service's answer for the visitor: kind of picture, urgency, probability. */

import { byId } from "./dom.js";
import { counted, has, lesion, number, percent, text } from "./text.js";

/** Codes of warnings about the quality of the picture, which retaking it may remove. */
const FAULTS = ["blurred", "underexposed", "overexposed", "low-resolution", "small-lesion"];

/** The urgency of a class. Its only source is the list of diseases in the page. */
const urgency = (label) => byId(`disease-${label}`)?.dataset.urgency ?? "appointment";

/** The kind of picture. A release without a detector predicts a class for every picture. @returns {"dermatoscopic" | "close-up" | "other"} */
export function kind({ input, prediction }) {
  if (prediction) return "dermatoscopic";
  return input.kind === "close-up" ? "close-up" : "other";
}

/** How soon a doctor should see the lesion. @returns {"soon" | "appointment" | "watch"} */
export function level(result) {
  const { prediction, malignancy, probabilities } = result;
  const first = probabilities.find(({ label }) => label === prediction.label);
  if (!malignancy.flag && !first.malignant) return "watch";
  // Melanoma counts even if another class ranks first, as soon as its own probability reaches the threshold.
  const { threshold } = malignancy.decision;
  const enough = probabilities.filter(({ probability }) => probability >= threshold);
  return [first, ...enough].some(({ label, malignant }) => malignant && urgency(label) === "soon")
    ? "soon" : "appointment";
}

/** Whether the probability of malignancy is at least one half. */
export const probable = ({ malignancy }) => malignancy.probability >= 0.5;

/** The warnings of the answer. The kind of picture is left out where it already is the answer. */
const warnings = ({ input, prediction }) =>
  input.warnings.filter(({ code }) => prediction || !["not-dermatoscopic", "close-up"].includes(code));

const isFault = ({ code }) => FAULTS.includes(code);

/** The remarks on the picture, in the visitor's language. Where a doctor is to be seen anyway, no better picture is asked for. */
export function remarks(result) {
  const all = warnings(result);
  const { urgency } = advised(result);
  if (!["soon", "appointment"].includes(urgency)) return all.map(warned);
  return [...all.filter((one) => !isFault(one)).map(warned), ...(all.some(isFault) ? [text("level.faultToo")] : [])];
}

/**
 * The advice: a heading and a paragraph. A picture of poor quality in which nothing was flagged should be
 * retaken; a flag stays in force whatever the quality.
 * @returns {{urgency: "soon" | "appointment" | "watch" | "unknown", retake?: true, title: string, words: string}}
 */
export function advised(result) {
  const [found, faulty] = [kind(result), warnings(result).some(isFault)];
  const retake = (title, words) => ({ urgency: "unknown", retake: true, title: text(title), words: text(words) });
  if (found !== "dermatoscopic" && faulty) return retake("retake.none", "retake.other");
  if (found !== "dermatoscopic") return { urgency: "unknown", title: text(`kind.${found}`), words: text(`kind.${found}Text`) };
  const urgency = level(result);
  if (urgency === "watch") return faulty ? retake("retake.title", "retake.watch") : { urgency, title: text("level.watch"), words: text("level.watchText") };
  return { urgency, title: text(`level.${urgency}`), words: text(`level.${urgency}${probable(result) ? "Most" : "Text"}`) };
}

/** The heading of the advice. */
export const advice = (result) => advised(result).title;

/** A share as a whole number out of a hundred. */
export function ofHundred(share) {
  return Math.max(0, Math.min(100, Math.round(100 * share)));
}

/** Whether the estimate is shown: the picture is dermatoscopic and need not be retaken. */
export const judged = (result) => kind(result) === "dermatoscopic" && !advised(result).retake;

/** The chance of cancer as a natural frequency, never 0 or 100 in 100; empty where no estimate is shown. */
export function chance(result) {
  if (!judged(result)) return "";
  const { probability } = result.malignancy;
  if (probability < 0.01) return text("chance.under");
  if (probability > 0.99) return text("chance.over");
  return counted("chance.text", ofHundred(probability));
}

/** The most probable class, with its probability. */
export const likely = ({ prediction }) => text("result.likely", {
  name: lesion(prediction.label, prediction.name), percent: percent(prediction.probability) });

/** A warning in the visitor's language; the service's own text if the page has no translation. */
const warned = ({ code, message }) => (has(`warning.${code}`) ? text(`warning.${code}`) : message);

/** The disclaimer under every answer. */
export const notice = ({ prediction }) => text(prediction ? "result.notice" : "result.noEstimate");

/** The rate of false negatives as "1 in n"; without the number until the model's document has arrived. */
export function missed(facts) {
  const sensitivity = facts?.malignancy.test?.sensitivity.value;
  return sensitivity < 1
    ? text("chance.missed", { n: number(1 / (1 - sensitivity)) }) : text("chance.missedSome");
}

/** Model, version and request id, for support. */
export const support = ({ model, request_id: id }) =>
  `${text("result.model", model)}. ${text("result.request", { id })}`;
