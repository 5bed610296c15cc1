/** The result of one picture: warnings first, then the answer, then what it does not mean. */

import { advice } from "./advice.js";
import { chart } from "./chart.js";
import { bar, byId, make } from "./dom.js";
import { heatmap } from "./heatmap.js";
import { saveImage, saveJson } from "./save.js";
import { lesion, percent, text } from "./text.js";
import { caveats, support, together, warned } from "./words.js";

/** What is shown, to draw it again in another language. */
let shown = null;

export function show(result, picture, restart) {
  shown = { result, picture, restart };
  redraw();
}

export function forget() {
  shown = null;
  byId("result").replaceChildren();
}

export function redraw() {
  if (!shown) return;
  const { result, picture, restart } = shown;
  const strength = byId("strength")?.value;
  byId("result").replaceChildren(
    ...[warnings(result), headline(result), figure(result, picture), classes(result), notice(result),
      actions(result, picture, restart),
      make("p", { class: "ll-small ll-support" }, support(result))].filter(Boolean));
  if (strength && byId("strength")) {
    byId("strength").value = strength;
    byId("strength").dispatchEvent(new Event("input"));
  }
}

/** The first that is to be read gets the focus: a warning, where there is one. */
export const focus = () => byId("result").querySelector("h2").focus();

/** The result in a sentence. */
export function summary({ prediction }) {
  if (!prediction) return `${text("result.unknown")}. ${text("result.unknownText")}`;
  return text("result.ready", {
    name: lesion(prediction.label, prediction.name), percent: percent(prediction.probability) });
}

function warnings({ input }) {
  if (!input.warnings.length) return null;
  return make("section", { class: "ll-warnings" },
    make("h2", { tabindex: "-1" }, text("result.warnings")),
    make("ul", {}, input.warnings.map((warning) => make("li", {}, warned(warning)))));
}

function headline(result) {
  const { prediction, malignancy } = result;
  const title = make("h2", { id: "result-title", tabindex: "-1" });
  const box = make("section", { class: "ll-headline" }, title);
  if (!prediction) {
    title.textContent = text("result.unknown");
    box.append(make("p", {}, text("result.unknownText")));
  } else {
    const { label, name, probability } = prediction;
    const plain = lesion(label, name);
    const malignant = result.probabilities.some((entry) => entry.label === label && entry.malignant);
    title.append(make("span", { class: "ll-headline__over" }, text("result.likely")), " ", plain);
    if (name !== plain) box.append(make("p", { class: "ll-small" }, text("result.formal", { name })));
    box.append(
      make("p", { class: "ll-headline__value" }, text("result.probability", { percent: percent(probability) })),
      bar(probability, { class: `ll-bar ll-bar--main${malignant ? " ll-bar--malignant" : ""}` }));
    if (malignancy) box.append(make("p", {}, together(malignancy)));
    if (byId(`disease-${label}`)) {
      box.append(make("p", {}, make("a", { href: `#disease-${label}` }, text("result.more"))));
    }
  }
  box.append(advice(result));
  return box;
}

/** The heat map of an answer that is not given would explain nothing. */
const figure = (result, picture) =>
  heatmap(result.prediction ? result : { ...result, explanation: undefined }, picture);

function classes({ prediction, probabilities }) {
  const all = chart(probabilities);
  return prediction
    ? make("section", {}, make("h3", {}, text("result.all")), all)
    : make("details", {}, make("summary", {}, text("result.unreliable")), all);
}

function notice(result) {
  const [first, ...others] = caveats(result);
  return make("div", { class: "ll-note" },
    make("p", {}, make("strong", {}, first)), others.map((words) => make("p", {}, words)));
}

function actions(result, picture, restart) {
  const button = (key, click, main) =>
    make("button", { class: main ? "ll-button ll-button--main" : "ll-button", type: "button", click }, text(key));
  return make("div", { class: "ll-actions" },
    button("result.again", restart, true),
    button("result.print", () => print()),
    button("result.save", () => saveJson(result)),
    button("result.image", () => saveImage(result, picture)));
}
