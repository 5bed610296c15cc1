/** The result: advice, chance, picture and contacts first, details after. */

import * as answer from "./answer.js";
import { chanceOf } from "./chance.js";
import { chart } from "./chart.js";
import * as doctors from "./doctors.js";
import { byId, make } from "./dom.js";
import { arrived, facts } from "./facts.js";
import { heatmap } from "./heatmap.js";
import * as letter from "./letter.js";
import { practitioner } from "./practitioner.js";
import { remind } from "./reminder.js";
import { agreement, leading, list } from "./several.js";
import { canShare, share } from "./share.js";
import { lesion, text } from "./text.js";

/** What is shown, kept to be redrawn in another language. */
let shown = null;

/**
 * @param {import("./several.js").Found[]} found a picture, as it was sent, with its answer; or several of one spot
 * @param {{restart: () => void, example: string | undefined, onDevice: boolean}} options example: the class it is listed as
 */
export function show(found, options) {
  shown = { found, ...leading(found), ...options };
  redraw();
  if (!arrived()) facts().then(redraw, () => {});
}

export function forget() {
  shown = null;
  letter.forget();
  byId("result").replaceChildren();
}

export function redraw() {
  if (!shown) return;
  const { found, result, picture } = shown;
  const judged = answer.judged(result);
  const open = [...byId("result").querySelectorAll("details")].map((part) => part.open);
  byId("result").replaceChildren(...[
    shown.example ? make("p", { class: "ll-note" }, text("examples.note", { name: lesion(shown.example) })) : null,
    first(result, picture), list(found), actions(result, picture, judged),
    letter.letter(result, picture, agreement(found)), ...(judged ? [...resembles(result), heatmap(result, picture)] : []),
    notice(result), practitioner(result, arrived(), found)].filter(Boolean));
  byId("result").querySelectorAll("details").forEach((part, i) => (part.open = open[i] ?? part.open));
}

/** Move the focus to the heading and the page to its top. */
export function focus() {
  byId("result-title").focus({ preventScroll: true });
  scrollTo({ top: 0, behavior: "instant" });
}

/** The result in a sentence, for screen readers. */
export const summary = ({ result } = shown) =>
  text("result.ready", { advice: answer.advice(result), chance: answer.chance(result) });

function first(result, picture) {
  return make("section", { class: "ll-first" }, advice(result),
    answer.kind(result) === "dermatoscopic" ? chanceOf(result, arrived()) : signs(),
    make("div", { class: "ll-picture" }, picture.address
      ? make("img", { src: picture.address, alt: text("heatmap.picture") })
      : make("p", { class: "ll-small" }, text("heatmap.none"))),
    doctors.nearest(answer.advised(result).urgency));
}

/** One box with the advice and the remarks on the picture. */
function advice(result) {
  const { urgency, retake, title, words } = answer.advised(result);
  const parts = [make("p", {}, words), answer.remarks(result).map((remark) => make("p", { class: "ll-fault" }, remark))];
  return make("section", { class: "ll-advice", "data-urgency": urgency, "data-probable": Boolean(result.malignancy) && answer.probable(result) },
    make("h1", { id: "result-title", tabindex: "-1" }, title), retake ? parts.reverse() : parts);
}

function* resembles(result) {
  const { prediction: { label, name }, probabilities } = result;
  const plain = lesion(label, name);
  // What is said of a class that is less urgent than the advice would contradict it.
  const agrees = byId(`disease-${label}`)?.dataset.urgency === answer.level(result);
  yield make("section", {}, make("h2", {}, text("result.resembles")),
    make("p", {}, answer.likely(result)),
    !agrees && answer.level(result) !== "watch" ? make("p", {}, text("result.still")) : null,
    !plain.startsWith(name) ? make("p", { class: "ll-small" }, text("result.formal", { name })) : null,
    agrees ? make("p", { class: "ll-links" }, make("a", { href: `#disease-${label}` }, text("result.more"))) : null,
    make("details", {}, make("summary", {}, text("result.all")), chart(probabilities)));
}

/** When to see a doctor, beside a picture that is not dermatoscopic. Otherwise the advice says it. */
const signs = () => make("section", { class: "ll-signs" }, make("h2", {}, text("kind.next")),
  make("ul", { class: "ll-list" }, ["doctor", "signs"].map((key) => make("li", {}, text(`kind.${key}`)))));

function notice(result) {
  const named = Boolean(result.prediction);
  const lines = [text("result.kept")];
  if (shown.onDevice) lines.unshift(text("here.answered"));
  if (named) lines.unshift(text("result.limits"));
  if (named && result.input.in_distribution === null) lines.unshift(text("result.unchecked"));
  return make("div", { class: "ll-note" },
    make("p", {}, make("strong", {}, answer.notice(result))), lines.map((words) => make("p", {}, words)));
}

function actions(result, picture, judged) {
  const button = (key, click, main) =>
    make("button", { class: main ? "ll-button ll-button--main" : "ll-button", type: "button", click }, text(key));
  const { retake } = answer.advised(result);
  const without = make("a", { class: retake ? "ll-button" : "ll-button ll-button--main", href: "without.html" }, text("kind.without"));
  const again = button("result.again", shown.restart, retake);
  return make("div", { class: "ll-actions" },
    retake ? again : null,
    judged ? null : without,
    button("letter.open", letter.open, judged),
    canShare() ? button("result.share", () => share(result, picture)) : null,
    judged && answer.level(result) === "watch" ? button("result.remind", remind) : null,
    retake ? null : again);
}
