/** The view shown while a picture is sent and checked. */

import { byId } from "./dom.js";
import { TRIES } from "./retry.js";
import { number, text } from "./text.js";

const WAKING_AFTER = 2000; // milliseconds in which nothing moves

/** Announce to screen readers. */
export const say = (words) => (byId("status").textContent = words);

/** Show the thumbnail, and which of how many pictures it is. */
export function begin({ address }, index, all) {
  byId("waiting-title").textContent = all > 1
    ? text("several.checking", { n: index + 1, all }) : text("waiting.title");
  byId("waiting-image").hidden = !address;
  if (address) byId("waiting-image").src = address;
}

/** Show the progress of one attempt. @returns listeners for the upload */
export function attempt() {
  const note = byId("waiting-note");
  const wait = byId("waiting-text");
  const progress = byId("progress");
  let waking;
  const moved = () => {
    clearTimeout(waking);
    waking = setTimeout(() => {
      note.hidden = false;
      note.textContent = text("waiting.waking");
      say(note.textContent);
    }, WAKING_AFTER);
  };
  const onProgress = (share) => {
    moved();
    progress.value = share;
    wait.textContent = text("waiting.sending", { percent: `${number(100 * share)}%` });
  };
  const onSent = () => {
    moved();
    progress.removeAttribute("value");
    wait.textContent = text("waiting.analysing");
    say(wait.textContent);
  };
  note.hidden = true;
  onProgress(0);
  return { onProgress, onSent, end: () => clearTimeout(waking) };
}

/** Show a stage of the check on this device. @param {number} [share] of it that is done */
export function stage(words, share) {
  const progress = byId("progress");
  if (share === undefined) progress.removeAttribute("value");
  else progress.value = share;
  byId("waiting-note").hidden = true;
  // Percentages are not announced.
  if (share === undefined) say(words);
  byId("waiting-text").textContent = words;
}

/** Show the countdown to the next attempt. */
export function pause({ status }, seconds, next) {
  const why = text(status === 429 ? "waiting.busy" : "waiting.loading");
  const note = byId("waiting-note");
  // Announced once, not every second.
  if (note.hidden || note.textContent !== why) say(`${why} ${text("waiting.retried")}`);
  note.hidden = false;
  note.textContent = why;
  byId("progress").removeAttribute("value");
  byId("waiting-text").textContent = text("waiting.retry", { seconds, number: next, tries: TRIES });
}
