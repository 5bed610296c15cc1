/** Ways to a doctor by country, from one small file that names its sources. */

import { read } from "./api.js";
import { byId, make } from "./dom.js";
import { country, text } from "./text.js";

let countries = [];

export async function start() {
  document.addEventListener("language", draw);
  try {
    countries = await read("help.json");
  } catch {
    // The general words above the list stand by themselves.
  }
  draw();
}

function draw() {
  if (!countries.length) return;
  // The visitor's own country first, as far as the browser tells it.
  const home = navigator.languages.map((tag) => new Intl.Locale(tag).region).find(Boolean);
  const sorted = [...countries].sort((a, b) => (b.country === home) - (a.country === home));
  byId("countries").replaceChildren(
    make("h3", {}, text("help.countries")),
    make("ul", { class: "ll-grid" }, sorted.map(entry)));
}

const entry = ({ country: code, ways }) =>
  make("li", {}, make("h4", {}, country(code)), make("ul", { class: "ll-ways" }, ways.map(way)));

function way({ kind, name, phone, source }) {
  return make("li", {}, make("span", { class: "ll-small" }, text(`help.${kind}`)), " ",
    phone ? make("a", { href: `tel:${phone}` }, name) : make("a", { href: source }, name),
    phone ? [" ", make("a", { class: "ll-small", href: source }, `${text("help.source")}: ${new URL(source).host}`)] : null);
}
