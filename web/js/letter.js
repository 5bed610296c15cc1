/** The page for the doctor: the visitor's notes and the result. Nothing is stored. */

import * as answer from "./answer.js";
import { byId, make } from "./dom.js";
import { stack } from "./heatmap.js";
import { date, lesion, percent, text } from "./text.js";

const FIELDS = ["site", "since", "changed", "notes"];
const CHANGES = ["size", "shape", "colour", "bleeds", "itches", "none"];

/** What was filled in, kept across a change of language. */
let filled = {};
let ticked = new Set();
let shown = false;

export function forget() {
  filled = {};
  ticked = new Set();
  shown = false;
}

export function open() {
  shown = true;
  document.querySelector(".ll-letter").dataset.open = "";
  byId("letter-title").focus();
}

/** The form and the printed page, with what was filled in before. @param {string} agreement of several pictures */
export function letter(result, picture, agreement) {
  const page = make("div", { class: "ll-paper" });
  const draw = () => page.replaceChildren(...paper(result, picture, agreement));
  const form = make("div", {},
    make("h2", { id: "letter-title", tabindex: "-1" }, text("letter.open")),
    make("p", {}, text("letter.lead")),
    make("div", { class: "ll-letter__fields" },
      field("site", draw), field("since", draw), changes(draw), field("changed", draw, "further"), field("notes", draw, "notes", true)),
    make("button", { class: "ll-button ll-button--main", type: "button", click: () => print() }, text("letter.print")));
  draw();
  return make("section", { class: "ll-letter", "aria-labelledby": "letter-title", "data-open": shown }, form, page);
}

function field(key, draw, label = key, long = false) {
  const control = make(long ? "textarea" : "input", { id: `letter-${key}`, type: long ? false : "text", maxlength: 300,
    autocomplete: "off", input: () => {
      filled[key] = control.value;
      draw();
    } });
  control.value = filled[key] ?? "";
  return make("div", {}, make("label", { for: control.id }, text(`letter.${label}`)), control);
}

function changes(draw) {
  const box = (key) => make("label", {}, make("input", { type: "checkbox", checked: ticked.has(key), change: (event) => {
    if (event.target.checked) ticked.add(key);
    else ticked.delete(key);
    draw();
  } }), text(`letter.changes.${key}`));
  return make("fieldset", {}, make("legend", {}, text("letter.noticed")), CHANGES.map(box));
}

function* paper(result, picture, agreement) {
  const judged = answer.judged(result);
  const told = { ...filled, changed: [...CHANGES.filter((key) => ticked.has(key)).map((key) => text(`letter.changes.${key}`)), filled.changed].filter(Boolean).join(", ") };
  yield make("h2", {}, text("letter.title"));
  yield make("dl", {},
    make("dt", {}, text("letter.date")), make("dd", {}, date(new Date())),
    FIELDS.map((key) => [make("dt", {}, text(`letter.${key}`)), make("dd", {}, told[key] ?? "")]));
  yield make("div", { class: "ll-paper__pictures" },
    pictured("letter.plain", stack(result, picture, false)),
    judged && result.explanation ? pictured("letter.heat", stack(result, picture, true)) : null);
  yield make("h3", {}, text("letter.said"));
  yield make("p", {}, make("strong", {}, `${answer.advice(result)}.`), " ", answer.chance(result));
  if (agreement) yield make("p", {}, agreement);
  for (const remark of answer.remarks(result)) yield make("p", {}, remark);
  if (judged) {
    yield make("ol", {}, result.probabilities.map(({ label, name, probability }) =>
      make("li", {}, `${lesion(label, name)}: ${percent(probability)}`)));
    yield make("p", { class: "ll-small" }, text("practitioner.prior", { malignant: percent(result.prior.malignant, 1) }));
  }
  yield make("p", {}, make("strong", {}, answer.notice(result)));
  yield make("h3", {}, text("letter.doctor"));
  yield make("div", { class: "ll-paper__lines" });
  yield make("p", { class: "ll-small" }, `LesionLens. ${answer.support(result)}`);
}

const pictured = (key, content) =>
  make("figure", {}, content, make("figcaption", { class: "ll-small" }, text(key)));
