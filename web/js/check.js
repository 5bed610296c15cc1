/** Controls the flow of the first page: question → choice → consent → upload → result. */

import { Problem } from "./api.js";
import * as consent from "./consent.js";
import { byId } from "./dom.js";
import * as examples from "./examples.js";
import { facts } from "./facts.js";
import { forget, maybePicture, prepare } from "./picture.js";
import * as problem from "./problem.js";
import * as server from "./server.js";
import { go, show } from "./steps.js";
import { dress } from "./styles.js";
import { learn, text } from "./text.js";
import * as tray from "./tray.js";
import { clear, listen } from "./upload.js";
import * as waiting from "./waiting.js";

let answered = false;
let sending = new AbortController();
let arrivals = 0;
let last = server; // what checked last: the server or this device
/** Resolved when the texts are loaded. Listeners are registered before; messages wait for it. */
let speaking;
const spoken = new Promise((resolve) => (speaking = resolve));
/** Modules that are loaded with the first picture. */
let preview = null;
let several = null;
let result = null;
let device = null;

async function equip() {
  await spoken;
  [preview, several, result, device] = await Promise.all([
    import("./preview.js"), import("./several.js"), import("./result.js"), import("./device.js"), learn("answer"), dress()]);
}

/** Show the step that the address names, so that Back and Forward work. */
function follow() {
  const place = location.hash;
  if (!["", "#check", "#question", "#upload", "#result"].includes(place)) return;
  sending.abort();
  if (place === "#result" && answered) return show("result");
  const step = ["#upload", "#result"].includes(place) ? (tray.current() ? "chosen" : "upload") : "empty";
  show(step);
  if (step !== "empty") byId("upload-title").focus({ preventScroll: true });
}

function fail(found, again = Boolean(tray.current())) {
  problem.show(found, again);
  byId("problem").focus();
}

/**
 * Prepare new files, replacing the pictures chosen before or adding to them.
 * @param {File[]} files @param {{example?: string, beside?: boolean}} options example: the class it is listed as
 */
async function take(files, { example, beside = false } = {}) {
  const arrival = ++arrivals;
  sending.abort();
  if (!beside) discard();
  go("#upload");
  if (!tray.current()) show("upload");
  try {
    await equip();
  } catch {
    return fail(new Problem({ slug: "offline" }));
  }
  // The previous answer and consent do not cover the new pictures.
  forgetAnswer();
  if (beside || files.length > 1) byId("consent").checked = false;
  waiting.say(text("upload.reading"));
  for (const file of files.filter(maybePicture).slice(0, tray.MOST - tray.all().length)) {
    const prepared = await prepare(file);
    // Newer files may have arrived in the meantime.
    if (arrival !== arrivals) return forget(prepared);
    // Consent to a picture without metadata does not cover one that is sent unchanged.
    if (!prepared.redrawn) byId("consent").checked = false;
    tray.add(prepared);
    preview.judge(prepared);
  }
  if (tray.current()) arrived(example);
  const strange = files.find((file) => !maybePicture(file));
  if (!strange) return;
  clear();
  fail(new Problem({ slug: "not-a-picture", detail: strange.name }), false);
}

function arrived(example) {
  if (example) document.body.dataset.example = example;
  // Examples are not the visitor's health data.
  byId("consent").required = !example;
  redraw();
  show("chosen");
  waiting.say(byId("preview-text").textContent);
  if (example) return send();
  (byId("consent").checked ? byId("send") : byId("consent")).focus({ preventScroll: true });
}

/** Draw the preview and the offer to check on the device. */
function redraw() {
  preview.show();
  device.offer(tray.all());
}

/** Discard the pictures and their answer. */
function discard() {
  tray.clear();
  delete document.body.dataset.example;
  preview?.forget();
  forgetAnswer();
}

function forgetAnswer() {
  answered = false;
  result?.forget();
  problem.show(null);
}

/** Return to the upload step. */
function restart() {
  discard();
  clear();
  go("#upload");
  show("upload");
  byId("image").focus();
}

const send = () => ask(server);

/** Check the chosen pictures. @param {{check: Function}} asked the server or this device */
async function ask(asked) {
  last = asked;
  problem.show(null);
  sending = new AbortController();
  const { signal } = sending;
  const pictures = tray.all();
  waiting.begin(pictures[0], 0, pictures.length);
  show("waiting");
  byId("waiting-title").focus({ preventScroll: true });
  try {
    const sent = await Promise.all(pictures.map(preview.chosen));
    const found = await several.examine(sent, (picture, index) => {
      waiting.begin(picture, index, sent.length);
      return asked.check(picture, signal);
    });
    answered = true;
    result.show(found, { restart, example: document.body.dataset.example, onDevice: asked === device });
    go("#result");
    show("result");
    waiting.say(result.summary());
    result.focus();
  } catch (error) {
    if (signal.aborted) return;
    show("chosen");
    device.offer(tray.all());
    fail(error instanceof Problem ? error : new Problem({ slug: "other", detail: String(error) }));
  }
}

/** Register the listeners before anything is awaited, and take a picture chosen before the script ran. */
export function start() {
  follow();
  listen(take);
  tray.listen({ selected: () => redraw(), added: (files) => take(files, { beside: true }) });
  addEventListener("popstate", follow);
  byId("upload").addEventListener("submit", (event) => {
    event.preventDefault();
    if (tray.current()) send();
    else byId("image").click();
  });
  // Load the model's document and the remaining modules while the visitor looks for the picture.
  byId("yes").addEventListener("click", () => Promise.allSettled([facts(), equip()]));
  examples.listen(take, () => fail(new Problem({ slug: "offline" })));
  consent.listen();
  for (const id of ["again", "problem-other"]) {
    byId(id).addEventListener("click", () => byId("image").click());
  }
  byId("problem-again").addEventListener("click", () => ask(last));
  byId("device-check").addEventListener("click", () => ask(device));
  byId("cancel").addEventListener("click", () => {
    sending.abort();
    show("chosen");
    waiting.say(text("waiting.cancelled"));
    byId("send").focus();
  });
  document.addEventListener("language", () => {
    if (tray.current()) redraw();
    problem.redraw(Boolean(tray.current()));
    result?.redraw();
  });
  const early = [...byId("image").files];
  if (early.length) take(early);
}

/** Enable sending, once the texts are loaded. */
export function ready() {
  byId("starting").hidden = true;
  byId("send").disabled = false;
  speaking();
}
