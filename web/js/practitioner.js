/** The section for professionals: probabilities, prior, rates by origin, data for support. */

import { support } from "./answer.js";
import { make } from "./dom.js";
import { download } from "./download.js";
import { origins, table } from "./tables.js";
import { percent, text } from "./text.js";

/**
 * @param {object} result
 * @param {object | null} facts of the model, once they have arrived
 * @param {import("./several.js").Found[]} found all pictures with their answers
 */
export function practitioner(result, facts, found) {
  return make("details", { class: "ll-practitioner" }, make("summary", {}, text("practitioner.title")),
    result.prediction ? estimate(result, facts) : null,
    make("h2", {}, text("practitioner.data")),
    make("p", { class: "ll-small" }, support(result)),
    make("button", { class: "ll-button", type: "button", click: () => save(result, found) }, text("result.save")));
}

/** Save one answer as received, several as a list, like the results of a batch. */
function save(result, found) {
  const results = found.flatMap(({ result: one }) => one ?? []);
  download(JSON.stringify(found.length > 1 ? { results } : result, null, 2), "application/json", `lesionlens-${result.request_id}.json`);
}

function estimate({ probabilities, prior }, facts) {
  const classes = probabilities.map(({ name, probability }) => [name, percent(probability, 1)]);
  return [
    make("p", { class: "ll-text" }, text("practitioner.text")),
    table(text("practitioner.probabilities"), [text("practitioner.class"), text("practitioner.probability")], classes),
    make("p", { class: "ll-text" }, text("practitioner.prior", { malignant: percent(prior.malignant, 1) })),
    facts ? [make("h2", {}, text("table.origins")), origins(facts),
      make("p", { class: "ll-small" }, text("practitioner.interval"))] : null,
    make("p", { class: "ll-links" }, make("a", { href: "model.html" }, text("practitioner.more")))];
}
