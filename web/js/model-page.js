/** Entry point of the page "Data and model"; every number comes from the service. */

import { confusion } from "./confusion.js";
import { bar, byId, make } from "./dom.js";
import { arrived, facts } from "./facts.js";
import * as header from "./header.js";
import { interval, origins, table } from "./tables.js";
import { date, lesion, number, text } from "./text.js";

let failed = false;

async function load() {
  failed = false;
  draw();
  try {
    await facts();
  } catch {
    failed = true;
  }
  draw();
}

function draw() {
  const box = byId("numbers");
  if (arrived()) return box.replaceChildren(...numbers(arrived()));
  if (!failed) return box.replaceChildren(make("p", {}, text("model.loading")));
  box.replaceChildren(
    make("p", {}, text("model.failed")),
    make("button", { class: "ll-button", type: "button", click: load }, text("problem.again")));
}

const plain = (value) => number(value, 2);

function* numbers(document) {
  const { name, version, created, classes, malignancy, data, metrics, licence } = document;
  const { train, validation, test } = data.split;
  const usual = metrics.test.default;
  yield make("h2", {}, text("model.data"));
  yield make("p", { class: "ll-text" }, text("model.dataText", {
    images: number(data.images), lesions: number(data.lesions), train: number(train.images),
    validation: number(validation.images), test: number(test.images) }));
  yield distribution(data);

  yield make("h2", {}, text("model.measured"));
  yield make("p", { class: "ll-text" }, text("model.measuredText", {
    images: number(metrics.test.images), lesions: number(metrics.test.lesions) }));
  yield make("p", { class: "ll-text" }, text("model.threshold", {
    sensitivity: interval(malignancy.test.sensitivity), specificity: interval(malignancy.test.specificity) }));
  yield make("dl", { class: "ll-figures" },
    figure("model.balanced", interval(metrics.test.balanced_accuracy)),
    figure("model.accuracy", interval(usual.accuracy)),
    figure("model.macro", interval(metrics.test.macro_auc, plain)));
  yield table(text("model.measured"), heads("class", "images", "sensitivity", "specificity", "auc"), classes.map((label) => {
    const { images, sensitivity: found, specificity, auc } = usual.per_class[label];
    return [lesion(label), number(images), interval(found), interval(specificity), interval(auc, plain)];
  }));
  yield make("h2", {}, text("table.origins"));
  yield make("p", { class: "ll-text" }, text("model.originsText"));
  yield origins(document);

  yield make("h2", {}, text("model.matrix"));
  yield make("p", { class: "ll-text" }, text("model.matrixText"));
  yield confusion(classes, usual.confusion_matrix);
  yield make("p", { class: "ll-small" },
    text("model.facts", { name, version, date: date(created) }), " ",
    text("model.licence", licence));
}

const heads = (...keys) => keys.map((key) => text(`model.${key}`));
const figure = (key, value) => make("div", {}, make("dt", {}, text(key)), make("dd", {}, value));

/** The number of pictures of each class, the most frequent first. */
function distribution({ images, distribution: classes }) {
  const rows = Object.entries(classes).sort(([, a], [, b]) => b.images - a.images);
  return table(text("model.data"), heads("class", "images", "lesions"), rows.map(([label, count]) =>
    [make("span", {}, lesion(label), bar(count.images / images)), number(count.images), number(count.lesions)]));
}

document.addEventListener("language", draw);
await header.start();
await load();
