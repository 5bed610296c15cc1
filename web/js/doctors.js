/** Contacts by country, from help.json, which names the source of each. */

import { read } from "./api.js";
import { byId, make } from "./dom.js";
import { country, text } from "./text.js";

/** What to say on the telephone, by the urgency of the advice. */
const SAY = { soon: "doctor.soon", appointment: "doctor.appointment" };

let countries = [];
/** The visitor's country, guessed or chosen; undefined when unknown. */
let home;

export async function start() {
  document.addEventListener("language", draw);
  try {
    countries = await read("help.json");
    home = guess();
  } catch {
    // The general advice is still shown.
  }
  draw();
}

/** Guess the country from the time zone, else from the region of the browser's languages. */
function guess() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  const near = countries.find(({ zones }) => zones.some((part) => zone.startsWith(part)));
  const region = navigator.languages.map((tag) => new Intl.Locale(tag).region).find(Boolean);
  return (near ?? countries.find(({ country: code }) => code === region))?.country;
}

function draw() {
  if (!countries.length || !byId("countries")) return;
  const sorted = [...countries].sort((a, b) => (b.country === home) - (a.country === home));
  const own = home ? sorted.shift() : null;
  const others = make("details", {}, make("summary", {}, make("h3", {}, text("help.countries"))),
    make("ul", { class: "ll-grid" }, sorted.map((entry) => make("li", {}, make("h4", {}, country(entry.country)), ways(entry)))));
  byId("countries").replaceChildren(
    ...(own ? [make("h3", {}, country(own.country)), ways(own)] : []), others);
}

const ways = (entry) => make("ul", { class: "ll-ways" }, entry.ways.map(way));

function way({ kind, name, phone, source }) {
  return make("li", {}, make("span", { class: "ll-small" }, text(`help.${kind}`)), " ",
    phone ? make("a", { href: `tel:${phone}` }, name) : outside(source, name),
    phone ? [" ", outside(source, `${text("help.source")}: ${new URL(source).host}`)] : null);
}

/** A link to another site, in a new tab so that the result is kept. */
const outside = (address, words) => make("a", { href: address, target: "_blank", rel: "noopener" }, words);

/** The section beside a result: contacts in the visitor's country, and a choice of country. @param {string} urgency of the advice */
export function nearest(urgency) {
  const box = make("section", { class: "ll-doctor" });
  const fill = () => {
    const own = countries.find((entry) => entry.country === home);
    // A skin lesion is no emergency: the emergency number is left out.
    const useful = own?.ways.filter(({ kind }) => !["emergency", "information"].includes(kind)) ?? [];
    box.replaceChildren(make("h2", {}, text("doctor.title")),
      make("p", {}, text(SAY[urgency] ?? "doctor.general")),
      useful.length ? ways({ ways: useful }) : "",
      urgency === "soon" ? "" : make("p", {}, text("doctor.sign")),
      useful.some(({ kind }) => kind === "telemedicine") ? make("p", { class: "ll-small" }, text("doctor.online")) : "",
      choice(fill));
  };
  fill();
  return box;
}

function choice(changed) {
  const options = countries.map(({ country: code }) => [code, country(code)]);
  const select = make("select", { change: () => {
    home = select.value || undefined;
    changed();
    // The select was replaced; restore its focus.
    document.querySelector(".ll-doctor select")?.focus();
    draw();
  } }, [...options, ["", text("doctor.elsewhere")]].map(([code, name]) =>
    make("option", { value: code, selected: code === (home ?? "") }, name)));
  return make("label", { class: "ll-doctor__country" }, text("doctor.country"), select);
}
