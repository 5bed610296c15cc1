/** Language, texts, and formats of numbers and dates. */

export const LANGUAGES = ["en", "hi", "mr"];

let language = "en";
let texts = {};
/** Folders of texts loaded in addition to the common ones. @type {Set<string>} */
const parts = new Set([document.documentElement.dataset.texts].filter(Boolean));

/** The language in the address, else the first of the browser's that the page has. */
export function preferred() {
  const asked = new URLSearchParams(location.search).get("lang");
  const wishes = [asked, ...navigator.languages].map((tag) => tag?.toLowerCase().split("-")[0]);
  return wishes.find((wish) => LANGUAGES.includes(wish)) ?? "en";
}

/** Resolved against this module: the address of the 404 page can be at any depth. */
async function load(path) {
  const answer = await fetch(new URL(`../text/${path}`, import.meta.url));
  if (!answer.ok) throw new Error(`text/${path}: ${answer.status}`);
  return answer.json();
}

/**
 * Load a language and write its text into the page.
 * @param {string} wanted
 * @throws {Error} when a text cannot be loaded; the page then keeps the texts that it had
 */
export async function speak(wanted) {
  const paths = [wanted, ...[...parts].map((part) => `${part}/${wanted}`)];
  texts = Object.assign({}, ...await Promise.all(paths.map((path) => load(`${path}.json`))));
  language = wanted;
  document.documentElement.lang = wanted;
  write(document);
  // Modules redraw their own content on this event.
  document.dispatchEvent(new Event("language"));
}

/** Load another folder of texts, such as those of an answer. @param {string} part a folder */
export async function learn(part) {
  if (parts.has(part)) return;
  const wanted = language;
  const more = await load(`${part}/${wanted}.json`);
  parts.add(part);
  if (wanted === language) Object.assign(texts, more);
  else await speak(language);
}

/** Fill in data-text="KEY", an element's text, and data-text-NAME="KEY", its attribute NAME. */
function write(root) {
  for (const node of root.querySelectorAll("[data-text]")) node.textContent = text(node.dataset.text);
  for (const name of ["aria-label", "alt", "content"]) {
    for (const node of root.querySelectorAll(`[data-text-${name}]`)) {
      node.setAttribute(name, text(node.getAttribute(`data-text-${name}`)));
    }
  }
  root.getElementById("unreviewed").hidden = texts.reviewed;
}

const find = (key) => key.split(".").reduce((part, name) => part?.[name], texts);

export const has = (key) => find(key) !== undefined;

/** The text of a key, with {name} replaced. @param {string} key @returns {string} */
export function text(key, values = {}) {
  const found = find(key) ?? key;
  return typeof found === "string"
    ? found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole)
    : found;
}

/** The text of a key in its plural form for n, by the language's rules (CLDR, Intl.PluralRules); {n} is n. */
export const counted = (key, n, values = {}) =>
  text(`${key}.${new Intl.PluralRules(language).select(n)}`, { n: number(n), ...values });

/** The plain name of a class; the service's name for a class that the page does not know. */
export const lesion = (label, name = label) =>
  has(`disease.${label}.name`) ? text(`disease.${label}.name`) : name;

/** Latin digits in every language, as in the texts. */
const locale = () => `${language}-u-nu-latn`;

export const number = (value, digits = 0, style = "decimal") =>
  new Intl.NumberFormat(locale(), { style, minimumFractionDigits: digits, maximumFractionDigits: digits })
    .format(value);

/** A probability as a percentage; never 0% or 100%, which would overstate the model's certainty. */
export function percent(share, digits = 0) {
  const least = 10 ** -(2 + digits);
  if (share < least) return `< ${number(least, digits, "percent")}`;
  if (share > 1 - least) return `> ${number(1 - least, digits, "percent")}`;
  return number(share, digits, "percent");
}

export const date = (iso) => new Intl.DateTimeFormat(locale(), { dateStyle: "long" }).format(new Date(iso));

export const country = (code) => new Intl.DisplayNames([language], { type: "region" }).of(code);
