/** The section for doctors: probabilities, prior, and how often the model is right by origin. */

import { make } from "./dom.js";
import { origins, table } from "./tables.js";
import { percent, text } from "./text.js";

/** @param {object} result @param {object | null} facts of the model, once they have arrived */
export function practitioner({ probabilities, prior }, facts) {
  const classes = probabilities.map(({ name, probability }) => [name, percent(probability, 1)]);
  return make("details", { class: "ll-practitioner" }, make("summary", {}, text("practitioner.title")),
    make("p", { class: "ll-text" }, text("practitioner.text")),
    table(text("practitioner.probabilities"), [text("practitioner.class"), text("practitioner.probability")], classes),
    make("p", { class: "ll-text" }, text("practitioner.prior", { malignant: percent(prior.malignant, 1) })),
    facts ? [make("h2", {}, text("table.origins")), origins(facts),
      make("p", { class: "ll-small" }, text("practitioner.interval"))] : null,
    make("p", { class: "ll-links" }, make("a", { href: "model.html" }, text("practitioner.more"))));
}
