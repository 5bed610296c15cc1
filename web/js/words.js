/** What is said of a result in words: the same on the page and in the image that a visitor keeps. */

import { missed } from "./advice.js";
import { sensitivity } from "./model.js";
import { apart, has, text } from "./text.js";

/** A warning of the service in the visitor's language, as far as the page knows it. */
export const warned = ({ code, message }) => (has(`warning.${code}`) ? text(`warning.${code}`) : message);

/** The probability of cancer, and on which side of the threshold it is. */
export function together({ probability, threshold, flag }) {
  const [found, limit] = apart(probability, threshold);
  const side = text(flag ? "result.above" : "result.below", { percent: limit });
  return `${text("result.together", { percent: found })}, ${side}.`;
}

/** What the answer does not mean: the most important first. */
export function* caveats({ input, prediction }) {
  yield text("result.notice");
  // Not every release can tell a dermatoscopic picture from another: null is no "yes".
  if (input.in_distribution === null) yield text("result.unchecked");
  // Without a class there is nothing that these could be said of.
  if (prediction) yield `${missed(sensitivity())} ${text("result.limits")}`;
}

/** What answered, and under which request the log knows it. */
export const support = ({ model, request_id: id }) =>
  `${text("result.support")}: ${text("result.model", model)}. ${text("result.request", { id })}`;
