/** The list of diseases; an open entry also shows the codes that the service gives for its class. */

import { read } from "./api.js";
import { malignantTag } from "./chart.js";
import { byId, make } from "./dom.js";
import { text } from "./text.js";

const SYSTEMS = { "icd-10": "ICD-10", "icd-11": "ICD-11", snomed: "SNOMED CT", "icd/release/11": "ICD-11" };

let labels = null;

export function start() {
  document.addEventListener("language", draw);
  addEventListener("hashchange", open);
  open();
  // The toggle event does not bubble, but it can be captured.
  byId("diseases").addEventListener("toggle", load, { capture: true });
}

/** Loaded when the first entry is opened; most visitors open none. */
async function load() {
  if (labels) return;
  labels = [];
  try {
    ({ labels } = await read("v1/labels"));
  } catch {
    // The descriptions are complete without codes.
    labels = null;
  }
  draw();
}

/** Open the entry that the address names. */
function open() {
  const aimed = byId(decodeURIComponent(location.hash.slice(1)));
  if (aimed instanceof HTMLDetailsElement) aimed.open = true;
}

function system(address) {
  const key = Object.keys(SYSTEMS).find((part) => address.includes(part));
  return SYSTEMS[key] ?? address;
}

function draw() {
  for (const { label, malignant, codes } of labels ?? []) {
    const disease = byId(`disease-${label}`);
    if (!disease) continue;
    disease.querySelector(".ll-codes")?.remove();
    disease.append(make("p", { class: "ll-small ll-codes" }, malignant ? malignantTag() : null, " ", text("diseases.codes"), ": ",
      codes.map(({ system: address, code }) => `${system(address)} ${code}`).join(", ")));
  }
}
