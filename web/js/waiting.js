/** What is shown while a picture is sent and looked at. */

import { byId } from "./dom.js";
import { TRIES } from "./retry.js";
import { number, text } from "./text.js";

const WAKING_AFTER = 2000; // milliseconds in which nothing moves

/** Tell a screen reader what the eye can see. */
export const say = (words) => (byId("status").textContent = words);

/** The thumbnail of what is looked at, and which of how many it is. */
export function begin({ address }, index, all) {
  byId("waiting-title").textContent = all > 1
    ? text("several.checking", { n: index + 1, all }) : text("waiting.title");
  byId("waiting-image").hidden = !address;
  if (address) byId("waiting-image").src = address;
}

/** One attempt: its progress, as listeners of an upload. */
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

/** A stage of the check on this device. @param {number} [share] of it that is done */
export function stage(words, share) {
  const progress = byId("progress");
  if (share === undefined) progress.removeAttribute("value");
  else progress.value = share;
  byId("waiting-note").hidden = true;
  // A percentage is not announced each time that it changes.
  if (share === undefined) say(words);
  byId("waiting-text").textContent = words;
}

/** The pause before another attempt. */
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
