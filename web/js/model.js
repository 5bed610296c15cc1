/** The section "Data and model": every number is read from the service. */

import { read } from "./api.js";
import { bar, byId, make } from "./dom.js";
import { confusion } from "./confusion.js";
import { date, lesion, number, percent, text } from "./text.js";

let facts = null;
let failed = false;

/** The sensitivity at the threshold, if the numbers have arrived. */
export const sensitivity = () => facts?.malignancy.test.sensitivity.value;

export async function start() {
  document.addEventListener("language", draw);
  await load();
}

async function load() {
  failed = false;
  draw();
  try {
    facts = await read("v1/model");
  } catch {
    failed = true;
  }
  draw();
}

function draw() {
  const box = byId("numbers");
  if (facts) return box.replaceChildren(...numbers(facts));
  if (!failed) return box.replaceChildren(make("p", {}, text("model.loading")));
  box.replaceChildren(
    make("p", {}, text("model.failed")),
    make("button", { class: "ll-button", type: "button", click: load }, text("problem.again")));
}

const shares = (value) => `${number(100 * value)}%`;
const plain = (value) => number(value, 2);

/** A measure with its interval: "81% (77%–85%)". */
const interval = ({ value, low, high }, format = shares) =>
  `${format(value)} (${format(low)}–${format(high)})`;

function* numbers({ name, version, created, classes, malignancy, data, metrics, licence }) {
  const { train, validation, test } = data.split;
  yield make("h3", {}, text("model.data"));
  yield make("p", { class: "ll-text" }, text("model.dataText", {
    images: number(data.images), lesions: number(data.lesions), train: number(train.images),
    validation: number(validation.images), test: number(test.images) }));
  yield distribution(data);

  yield make("h3", {}, text("model.measured"));
  yield make("p", { class: "ll-text" }, text("model.measuredText", {
    images: number(metrics.test.images), lesions: number(metrics.test.lesions) }));
  yield make("dl", { class: "ll-figures" },
    figure("model.balanced", interval(metrics.test.balanced_accuracy)),
    figure("model.accuracy", interval(metrics.test.accuracy)),
    figure("model.macro", interval(metrics.test.macro_auc, plain)));
  yield table("measured", ["class", "images", "sensitivity", "specificity", "auc"], classes.map((label) => {
    const { images, sensitivity: found, specificity, auc } = metrics.test.per_class[label];
    return [lesion(label), number(images), interval(found), interval(specificity), interval(auc, plain)];
  }));
  yield make("p", { class: "ll-text" }, text("model.threshold", {
    threshold: percent(malignancy.threshold, 1), sensitivity: interval(malignancy.test.sensitivity),
    specificity: interval(malignancy.test.specificity) }));

  yield make("h3", {}, text("model.matrix"));
  yield make("p", { class: "ll-text" }, text("model.matrixText"));
  yield confusion(classes, metrics.test.confusion_matrix);
  yield make("p", { class: "ll-small" },
    text("model.facts", { name, version, date: date(created) }), " ",
    text("model.licence", licence));
}

const figure = (key, value) => make("div", {}, make("dt", {}, text(key)), make("dd", {}, value));

/** How many pictures of each class, the most frequent first. */
function distribution({ images, distribution: classes }) {
  const rows = Object.entries(classes).sort(([, a], [, b]) => b.images - a.images);
  return table("data", ["class", "images", "lesions"], rows.map(([label, count]) =>
    [[lesion(label), bar(count.images / images)], number(count.images), number(count.lesions)]));
}

/** A table in a region that scrolls by itself on a narrow screen, also by keyboard. */
function table(key, heads, rows) {
  return make("div", { class: "ll-scroll", tabindex: "0", role: "region", "aria-label": text(`model.${key}`) },
    make("table", {},
      make("thead", {}, make("tr", {}, heads.map((head) => make("th", { scope: "col" }, text(`model.${head}`))))),
      make("tbody", {}, rows.map(([head, ...cells]) =>
        make("tr", {}, make("th", { scope: "row" }, head), cells.map((cell) => make("td", {}, cell)))))));
}
