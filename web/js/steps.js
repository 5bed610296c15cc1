/** The steps of the first page, and their entries in the browser's history. */

import { byId, only } from "./dom.js";

/** @param {"empty" | "upload" | "chosen" | "waiting" | "result"} state */
export function show(state) {
  document.body.dataset.state = state;
  const view = { empty: "question", waiting: "waiting", result: "result" }[state] ?? "upload";
  only(byId(view), ["question", "upload", "waiting", "result"].map(byId));
  byId("preview").hidden = state !== "chosen";
}

/** Add a history entry, so that Back leads to the current step. @param {string} place a fragment */
export function go(place) {
  if (location.hash !== place) history.pushState(null, "", place);
}
