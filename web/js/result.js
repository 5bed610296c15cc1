/** The result of one picture: advice, chance, picture and doctor first, then all the rest. */

import * as answer from "./answer.js";
import { chanceOf } from "./chance.js";
import { chart } from "./chart.js";
import * as doctors from "./doctors.js";
import { byId, make } from "./dom.js";
import { download } from "./download.js";
import { arrived, facts } from "./facts.js";
import { heatmap } from "./heatmap.js";
import * as letter from "./letter.js";
import { practitioner } from "./practitioner.js";
import { remind } from "./reminder.js";
import { canShare, share } from "./share.js";
import { lesion, text } from "./text.js";

/** What is shown, to draw it again in another language. */
let shown = null;

/**
 * @param {object} result the service's answer
 * @param {import("./picture.js").Picture} picture as it was sent
 * @param {{restart: () => void, example: string | undefined, onDevice: boolean}} options example: the class it is listed as
 */
export function show(result, picture, options) {
  shown = { result, picture, ...options };
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
  const { result, picture } = shown;
  const named = answer.kind(result) === "dermatoscopic";
  const open = [...byId("result").querySelectorAll("details")].map((part) => part.open);
  byId("result").replaceChildren(...[
    shown.example ? make("p", { class: "ll-note" }, text("examples.note", { name: lesion(shown.example) })) : null,
    warnings(result), first(result, picture), ...(named ? resembles(result) : [helps()]), actions(result, picture, named),
    named ? heatmap(result, picture) : null, named ? practitioner(result, arrived()) : null,
    letter.letter(result, picture, named), notice(result, named)].filter(Boolean));
  byId("result").querySelectorAll("details").forEach((part, i) => (part.open = open[i] ?? part.open));
}

/** The advice gets the focus, without moving the page: it stands at the top. */
export function focus() {
  byId("result-title").focus({ preventScroll: true });
  scrollTo(0, 0);
}

/** The result in a sentence. */
export const summary = (result) =>
  text("result.ready", { advice: answer.advice(result), chance: answer.chance(result) });

function warnings({ input, prediction }) {
  // "Not dermatoscopic" is what the answer itself says.
  const told = input.warnings.filter(({ code }) => prediction || code !== "not-dermatoscopic");
  if (!told.length) return null;
  return make("section", { class: "ll-warnings" },
    make("h2", {}, text("result.warnings")),
    make("ul", {}, told.map((warning) => make("li", {}, answer.warned(warning)))));
}

function first(result, picture) {
  return make("section", { class: "ll-first" }, advice(result), chanceOf(result, arrived()),
    make("div", { class: "ll-picture" }, picture.address
      ? make("img", { src: picture.address, alt: text("heatmap.picture") })
      : make("p", { class: "ll-small" }, text("heatmap.none"))),
    doctors.nearest());
}

function advice(result) {
  const kind = answer.kind(result);
  const title = make("h1", { id: "result-title", tabindex: "-1" }, answer.advice(result));
  if (kind === "dermatoscopic") {
    const level = answer.level(result);
    return make("section", { class: "ll-advice", "data-urgency": level }, title,
      make("p", {}, text(`level.${level}Text`)));
  }
  return make("section", { class: "ll-advice", "data-urgency": "unknown" }, title,
    make("p", {}, text(`kind.${kind}Text`)));
}

function* resembles(result) {
  const { prediction: { label, name }, probabilities, malignancy } = result;
  const plain = lesion(label, name);
  yield make("section", {}, make("h2", {}, text("result.resembles")),
    make("p", {}, make("strong", {}, answer.likely(result)),
      malignancy.flag && malignancy.probability < 0.5 ? ` ${text("result.although")}` : ""),
    name !== plain ? make("p", { class: "ll-small" }, text("result.formal", { name })) : null,
    byId(`disease-${label}`) ? make("p", { class: "ll-links" }, make("a", { href: `#disease-${label}` }, text("result.more"))) : null,
    make("details", {}, make("summary", {}, text("result.all")), chart(probabilities)));
}

/** For a picture about which nothing can be said. */
const helps = () => make("section", {}, make("h2", {}, text("kind.next")),
  make("ul", { class: "ll-list" }, ["doctor", "signs"].map((key) => make("li", {}, text(`kind.${key}`)))),
  make("p", {}, make("a", { class: "ll-button ll-button--main", href: "without.html" }, text("kind.without"))));

function notice(result, named) {
  const lines = [text("result.kept")];
  if (shown.onDevice) lines.unshift(text("here.answered"));
  if (named) lines.unshift(text("result.limits"));
  if (named && result.input.in_distribution === null) lines.unshift(text("result.unchecked"));
  return make("div", { class: "ll-note" },
    make("p", {}, make("strong", {}, text(named ? "result.notice" : "result.noEstimate"))), lines.map((words) => make("p", {}, words)),
    make("p", { class: "ll-small ll-support" }, `${text("result.support")}: ${answer.support(result)}`));
}

function actions(result, picture, named) {
  const button = (key, click, main) =>
    make("button", { class: main ? "ll-button ll-button--main" : "ll-button", type: "button", click }, text(key));
  return make("div", { class: "ll-actions" },
    button("letter.open", letter.open, named),
    canShare() ? button("result.share", () => share(result, picture)) : null,
    named && answer.level(result) === "watch" ? button("result.remind", remind) : null,
    button("result.again", shown.restart),
    named ? button("result.save", () => save(result)) : null);
}

const save = (result) =>
  download(JSON.stringify(result, null, 2), "application/json", `lesionlens-${result.request_id}.json`);
