/** The message for a failure, with a retry where one may help. */

import { Problem } from "./api.js";
import { byId } from "./dom.js";
import { worthwhile } from "./retry.js";
import { has, text } from "./text.js";

/** @type {Problem | null} */
let problem = null;

/** @param {Problem | null} found @param {boolean} kept whether there is a picture to try again with */
export function show(found, kept) {
  problem = found;
  byId("problem").hidden = !found;
  if (!found) return;
  const { status, requestId } = found;
  byId("problem-text").textContent = told(found);
  byId("problem-support").textContent = status ? text("problem.support", { status, id: requestId || "–" }) : "";
  const again = kept && worthwhile(found);
  byId("problem-again").hidden = !again;
  byId("problem-other").hidden = again;
}

/** The message in the visitor's language. @param {Problem} found */
export const told = ({ slug, detail }) =>
  text(has(`problem.${slug}`) ? `problem.${slug}` : "problem.other", { name: detail });

export const redraw = (kept) => show(problem, kept);
