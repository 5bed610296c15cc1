/** The journey of one picture through the page: asked → chosen → agreed → sent → answered. */

import { Problem } from "./api.js";
import * as consent from "./consent.js";
import { byId, only } from "./dom.js";
import { facts } from "./facts.js";
import { forget, maybePicture, prepare } from "./picture.js";
import * as problem from "./problem.js";
import * as server from "./server.js";
import { learn, text } from "./text.js";
import { clear, listen } from "./upload.js";
import * as waiting from "./waiting.js";

/** @type {import("./picture.js").Picture | null} */
let picture = null;
let answered = false;
let sending = new AbortController();
let arrivals = 0;
let last = server; // who was asked: the server, or this device
/** Resolved when the texts are there: what is said of a picture waits for them, listening does not. */
let speaking;
const spoken = new Promise((resolve) => (speaking = resolve));
/** What only those need who have a picture; loaded with the first one. */
let preview = null;
let result = null;
let device = null;

async function equip() {
  await spoken;
  [preview, result, device] = await Promise.all(
    [import("./preview.js"), import("./result.js"), import("./device.js"), learn("answer")]);
}

/** @param {"empty" | "upload" | "chosen" | "waiting" | "result"} state */
function show(state) {
  document.body.dataset.state = state;
  const view = { empty: "question", waiting: "waiting", result: "result" }[state] ?? "upload";
  only(byId(view), ["question", "upload", "waiting", "result"].map(byId));
  byId("preview").hidden = state !== "chosen";
}

/** The address says which step is shown, so that Back and Forward lead through them. */
function follow() {
  const place = location.hash;
  if (!["", "#check", "#question", "#upload", "#result"].includes(place)) return;
  sending.abort();
  if (place === "#result" && answered) return show("result");
  const step = ["#upload", "#result"].includes(place) ? (picture ? "chosen" : "upload") : "empty";
  show(step);
  if (step !== "empty") byId("upload-title").focus({ preventScroll: true });
}

function go(place) {
  if (location.hash !== place) history.pushState(null, "", place);
}

function fail(found) {
  problem.show(found, Boolean(picture));
  byId("problem").focus();
}

async function take(file, example) {
  const arrival = ++arrivals;
  sending.abort();
  discard();
  go("#upload");
  show("upload");
  try {
    await equip();
  } catch {
    return fail(new Problem({ slug: "offline" }));
  }
  if (!maybePicture(file)) {
    clear();
    return fail(new Problem({ slug: "not-a-picture", detail: file.name }));
  }
  waiting.say(text("upload.reading"));
  const prepared = await prepare(file);
  // A second picture may have arrived while this one was being drawn.
  if (arrival !== arrivals) return forget(prepared);
  picture = prepared;
  if (example) document.body.dataset.example = example;
  // An example is nobody's health data.
  byId("consent").required = !example;
  // Who agreed to a picture without its data has not agreed to one that is sent as it was.
  if (!prepared.redrawn) byId("consent").checked = false;
  preview.show(picture);
  device.offer(picture);
  show("chosen");
  waiting.say(byId("preview-text").textContent);
  if (example) return send();
  (byId("consent").checked ? byId("send") : byId("consent")).focus({ preventScroll: true });
}

/** Forget the picture and what was said of it. */
function discard() {
  forget(picture);
  picture = null;
  answered = false;
  delete document.body.dataset.example;
  preview?.forget();
  result?.forget();
  problem.show(null);
}

/** Back to the second step, for another picture. */
function restart() {
  discard();
  clear();
  go("#upload");
  show("upload");
  byId("image").focus();
}

const send = () => ask(server);
const checkHere = () => ask(device);

/** @param {{check: Function}} asked the server, or this device */
async function ask(asked) {
  last = asked;
  problem.show(null);
  sending = new AbortController();
  const { signal } = sending;
  waiting.begin(picture);
  show("waiting");
  byId("waiting-title").focus({ preventScroll: true });
  try {
    const sent = await preview.chosen(picture);
    const answer = await asked.check(sent, signal);
    answered = true;
    result.show(answer, sent, { restart, example: document.body.dataset.example, onDevice: asked === device });
    go("#result");
    show("result");
    waiting.say(result.summary(answer));
    result.focus();
  } catch (found) {
    if (signal.aborted) return;
    show("chosen");
    device.offer(picture);
    fail(found instanceof Problem ? found : new Problem({ slug: "other", detail: String(found) }));
  }
}

async function example(event) {
  const button = event.target.closest("[data-example]");
  if (!button) return;
  const { example: name, label } = button.dataset;
  try {
    const answer = await fetch(`examples/${name}.jpg`);
    if (!answer.ok) throw new Problem({ slug: "other", status: answer.status });
    take(new File([await answer.blob()], `${name}.jpg`, { type: "image/jpeg" }), label);
  } catch {
    fail(new Problem({ slug: "offline" }));
  }
}

/** Listen. Nothing is awaited before, and a picture that was chosen earlier is taken up. */
export function start() {
  follow();
  listen(take);
  addEventListener("popstate", follow);
  byId("upload").addEventListener("submit", (event) => {
    event.preventDefault();
    if (picture) send();
    else byId("image").click();
  });
  // The model is woken, and the rest loaded, while the visitor still looks for the picture.
  byId("yes").addEventListener("click", () => Promise.allSettled([facts(), equip()]));
  byId("question").addEventListener("click", example);
  consent.listen();
  for (const id of ["again", "problem-other"]) {
    byId(id).addEventListener("click", () => byId("image").click());
  }
  byId("problem-again").addEventListener("click", () => ask(last));
  byId("device-check").addEventListener("click", checkHere);
  byId("cancel").addEventListener("click", () => {
    sending.abort();
    show("chosen");
    waiting.say(text("waiting.cancelled"));
    byId("send").focus();
  });
  document.addEventListener("language", () => {
    if (picture) {
      preview.show(picture);
      device.offer(picture);
    }
    problem.redraw(Boolean(picture));
    result?.redraw();
  });
  const [early] = byId("image").files;
  if (early) take(early);
}

/** The texts are there: from now on a picture can be sent. */
export function ready() {
  byId("starting").hidden = true;
  byId("send").disabled = false;
  speaking();
}
