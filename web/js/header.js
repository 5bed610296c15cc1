/** The header of every page: menu and language switch. */

import { byId } from "./dom.js";
import { preferred, speak } from "./text.js";

/** Start the header and load the texts. @returns {Promise<void>} rejects when they do not load */
export async function start() {
  menus();
  document.querySelector(".ll-languages").addEventListener("click", change);
  document.addEventListener("language", () => show(document.documentElement.lang));
  await speak(preferred());
}

/** Close a menu on a click elsewhere and on Escape. */
function menus() {
  const all = [...document.querySelectorAll(".ll-menu")];
  addEventListener("click", (event) => {
    for (const menu of all) {
      if (!menu.contains(event.target) || event.target.closest("a")) menu.open = false;
    }
  });
  addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && all.find(({ open }) => open);
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}

/** Switch the language without reloading, so that picture and result are kept; it is stored in the address only. */
async function change(event) {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  await speak(link.hreflang);
  const address = new URL(location.href);
  address.searchParams.set("lang", link.hreflang);
  history.replaceState(null, "", address);
  carry();
}

/** Mark the current language, and carry it over into links to the other pages. */
function show(language) {
  for (const link of document.querySelectorAll("[hreflang]")) {
    const current = link.hreflang === language;
    if (current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    if (!current) continue;
    byId("language").textContent = link.textContent;
    byId("language-code").textContent = language.toUpperCase();
  }
  carry();
}

function carry() {
  const asked = new URLSearchParams(location.search).get("lang");
  if (!asked) return;
  for (const link of document.querySelectorAll("a[href]:not([hreflang], [href^='#'])")) {
    const address = new URL(link.href);
    if (address.origin !== location.origin || !/(\/|\.html)$/.test(address.pathname)) continue;
    address.searchParams.set("lang", asked);
    link.href = address;
  }
}
