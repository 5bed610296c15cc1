/** What an answer means for the visitor: what kind of picture, how urgent, how likely. */

import { byId } from "./dom.js";
import { counted, has, lesion, number, percent, text } from "./text.js";

/** Warnings about the picture itself, which another picture may not have. */
const FAULTS = ["blurred", "underexposed", "overexposed", "low-resolution", "small-lesion"];

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

/** Whether more than half of the pictures like this one were cancer. */
export const probable = ({ malignancy }) => malignancy.probability >= 0.5;

/** The warnings to be told; that a picture is not dermatoscopic is what the answer itself says. */
export const warnings = ({ input, prediction }) =>
  input.warnings.filter(({ code }) => prediction || !["not-dermatoscopic", "close-up"].includes(code));

/**
 * What to do next, in a few words and in some more. A faulty picture in which nothing was flagged is to
 * be taken again; a flag stands in spite of a fault.
 * @returns {{urgency: "soon" | "appointment" | "watch" | "unknown", retake?: true, title: string, words: string}}
 */
export function advised(result) {
  const [found, faulty] = [kind(result), warnings(result).some(({ code }) => FAULTS.includes(code))];
  const retake = (words) => ({ urgency: "unknown", retake: true, title: text("retake.title"), words: text(words) });
  if (found === "other" && faulty) return retake("retake.other");
  if (found !== "dermatoscopic") return { urgency: "unknown", title: text(`kind.${found}`), words: text(`kind.${found}Text`) };
  const urgency = level(result);
  if (urgency === "watch") return faulty ? retake("retake.watch") : { urgency, title: text("level.watch"), words: text("level.watchText") };
  return { urgency, title: text(`level.${urgency}`), words: text(`level.${urgency}${probable(result) ? "Most" : "Text"}`) };
}

/** The advice in a few words. */
export const advice = (result) => advised(result).title;

/** Of a hundred pictures: 0 and 100 are never said, because a model is never that sure. */
export function ofHundred(share) {
  return Math.max(0, Math.min(100, Math.round(100 * share)));
}

/** Whether the picture says something: it is dermatoscopic, and good enough for what was found. */
export const judged = (result) => kind(result) === "dermatoscopic" && !advised(result).retake;

/** The chance of cancer as people count; empty where the picture says nothing. */
export function chance(result) {
  if (!judged(result)) return "";
  const { probability } = result.malignancy;
  if (probability < 0.01) return text("chance.under");
  if (probability > 0.99) return text("chance.over");
  return counted("chance.text", ofHundred(probability));
}

/** The class that stands first, with its probability. */
export const likely = ({ prediction }) => text("result.likely", {
  name: lesion(prediction.label, prediction.name), percent: percent(prediction.probability) });

/** A warning of the service in the visitor's language, as far as the page knows it. */
export const warned = ({ code, message }) => (has(`warning.${code}`) ? text(`warning.${code}`) : message);

/** The caution under every answer. */
export const notice = ({ prediction }) => text(prediction ? "result.notice" : "result.noEstimate");

/** One in how many malignant lesions stays unmarked; told in numbers only when they are known. */
export function missed(facts) {
  const sensitivity = facts?.malignancy.test?.sensitivity.value;
  return sensitivity < 1
    ? text("chance.missed", { n: number(1 / (1 - sensitivity)) }) : text("chance.missedSome");
}

/** What answered, and under which request the log knows it. */
export const support = ({ model, request_id: id }) =>
  `${text("result.model", model)}. ${text("result.request", { id })}`;
