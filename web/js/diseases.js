/** The section "Diseases": what the service says of each class is added to the page's own words. */

import { read } from "./api.js";
import { malignantTag } from "./chart.js";
import { byId, make } from "./dom.js";
import { text } from "./text.js";

const SYSTEMS = { "icd-10": "ICD-10", "icd-11": "ICD-11", snomed: "SNOMED CT", "icd/release/11": "ICD-11" };

let labels = [];

export async function start() {
  document.addEventListener("language", draw);
  addEventListener("hashchange", open);
  open();
  try {
    ({ labels } = await read("v1/labels"));
  } catch {
    // The descriptions stand without codes.
  }
  draw();
}

/** A link to a disease opens it. */
function open() {
  const aimed = byId(decodeURIComponent(location.hash.slice(1)));
  if (aimed instanceof HTMLDetailsElement) aimed.open = true;
}

function system(address) {
  const key = Object.keys(SYSTEMS).find((part) => address.includes(part));
  return SYSTEMS[key] ?? address;
}

function draw() {
  for (const { label, malignant, codes } of labels) {
    const disease = byId(`disease-${label}`);
    if (!disease) continue;
    disease.querySelector(".ll-tag")?.remove();
    if (malignant) disease.querySelector(".ll-chip").before(malignantTag());
    disease.querySelector(".ll-codes")?.remove();
    disease.append(make("p", { class: "ll-small ll-codes" }, text("diseases.codes"), ": ",
      codes.map(({ system: address, code }) => `${system(address)} ${code}`).join(", ")));
  }
}
