/** The journey of one picture through the page: chosen → agreed → sent → answered. */

import { classify, Problem } from "./api.js";
import { byId, only } from "./dom.js";
import { forget, maybePicture, prepare } from "./picture.js";
import * as result from "./result.js";
import { patiently, TRIES, worthwhile } from "./retry.js";
import { has, number, text } from "./text.js";
import { clear, listen } from "./upload.js";

const WAKING_AFTER = 2000; // milliseconds in which nothing moves

/** @type {import("./picture.js").Picture | null} */
let picture = null;
/** @type {Problem | null} */
let problem = null;
let sending = new AbortController();
let arrivals = 0;

/** Tell a screen reader what the eye can see. */
const say = (words) => (byId("status").textContent = words);

/** @param {"empty" | "chosen" | "waiting" | "result"} state */
function show(state) {
  document.body.dataset.state = state;
  const view = { waiting: byId("waiting"), result: byId("result") }[state] ?? byId("upload");
  only(view, [byId("upload"), byId("waiting"), byId("result")]);
  byId("preview").hidden = state !== "chosen";
}

function showProblem(found) {
  problem = found;
  byId("problem").hidden = !found;
  if (!found) return;
  const { slug, status, detail, requestId } = found;
  const key = has(`problem.${slug}`) ? `problem.${slug}` : "problem.other";
  byId("problem-text").textContent = text(key, { name: detail });
  byId("problem-detail").textContent = status ? detail : "";
  byId("problem-support").textContent =
    status ? text("problem.support", { status, id: requestId || "–" }) : "";
  const again = Boolean(picture) && worthwhile(found);
  byId("problem-again").hidden = !again;
  byId("problem-other").hidden = again;
}

function fail(found) {
  showProblem(found);
  byId("problem").focus();
}

async function take(file) {
  const arrival = ++arrivals;
  sending.abort();
  discard();
  if (!maybePicture(file)) {
    clear();
    return fail(new Problem({ slug: "not-a-picture", detail: file.name }));
  }
  say(text("upload.reading"));
  const prepared = await prepare(file);
  // A second picture may have arrived while this one was being drawn.
  if (arrival !== arrivals) return forget(prepared);
  picture = prepared;
  showPreview();
  show("chosen");
  say(byId("preview-text").textContent);
  (byId("consent").checked ? document.querySelector(".ll-send") : byId("consent")).focus();
}

function showPreview() {
  const { name, blob, address, redrawn, width, height } = picture;
  const size = `${number(blob.size / 1024)} KB`;
  byId("preview-text").textContent = redrawn
    ? text("upload.redrawn", { width, height, size })
    : text("upload.unchanged", { name });
  byId("preview-image").hidden = !address;
  if (address) byId("preview-image").src = address;
}

/** Forget the picture and what was said of it. */
function discard() {
  forget(picture);
  picture = null;
  result.forget();
  showProblem(null);
  show("empty");
}

/** Back to the first step, for another picture. */
function restart() {
  discard();
  clear();
  byId("image").focus();
}

async function send() {
  showProblem(null);
  sending = new AbortController();
  const { signal } = sending;
  show("waiting");
  byId("waiting-title").focus();
  try {
    const answer = await patiently(() => once(signal), waiting, signal);
    result.show(answer, picture, restart);
    show("result");
    say(result.summary(answer));
    result.focus();
  } catch (found) {
    if (signal.aborted) return;
    show("chosen");
    fail(found instanceof Problem ? found : new Problem({ slug: "other", detail: String(found) }));
  }
}

/** One attempt, with its progress shown. */
async function once(signal) {
  const progress = byId("progress");
  const note = byId("waiting-note");
  const wait = byId("waiting-text");
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
  try {
    const name = picture.redrawn ? "image.jpg" : picture.name;
    return await classify(picture.blob, name, { onProgress, onSent, signal });
  } finally {
    clearTimeout(waking);
  }
}

function waiting(found, seconds, next) {
  const why = text(found.status === 429 ? "waiting.busy" : "waiting.loading");
  const note = byId("waiting-note");
  // Announced once, not every second.
  if (note.hidden || note.textContent !== why) say(`${why} ${text("waiting.retried")}`);
  note.hidden = false;
  note.textContent = why;
  byId("progress").removeAttribute("value");
  byId("waiting-text").textContent = text("waiting.retry", { seconds, number: next, tries: TRIES });
}

export function start() {
  show("empty");
  listen(take);
  byId("upload").addEventListener("submit", (event) => {
    event.preventDefault();
    if (picture) send();
    else byId("image").click();
  });
  const consent = byId("consent");
  consent.addEventListener("invalid", () => consent.setCustomValidity(text("upload.needed")));
  consent.addEventListener("change", () => consent.setCustomValidity(""));
  for (const id of ["again", "problem-other"]) {
    byId(id).addEventListener("click", () => byId("image").click());
  }
  byId("problem-again").addEventListener("click", send);
  byId("cancel").addEventListener("click", () => {
    sending.abort();
    show("chosen");
    say(text("waiting.cancelled"));
    document.querySelector(".ll-send").focus();
  });
  document.addEventListener("language", () => {
    if (picture) showPreview();
    showProblem(problem);
    result.redraw();
  });
}
