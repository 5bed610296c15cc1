/** The page, started: its language first, then its parts. */

import * as check from "./check.js";
import * as diseases from "./diseases.js";
import { byId } from "./dom.js";
import * as help from "./help.js";
import * as model from "./model.js";
import { preferred, speak } from "./text.js";

await speak(preferred());
check.start();
menu();
languages();
byId("address").textContent = new URL("v1/classify", location.href).href;
await Promise.all([model.start(), diseases.start(), help.start()]);

/** On a narrow screen the menu is closed at first and closes again after a choice. */
function menu() {
  const details = document.querySelector(".ll-menu");
  const wide = matchMedia("(min-width: 75em)");
  const fit = () => (details.open = wide.matches);
  fit();
  details.dataset.ready = "";
  wide.addEventListener("change", fit);
  details.addEventListener("click", (event) => {
    if (event.target.closest("a")) fit();
  });
}

/** Switching keeps the picture and the result; the choice lives in the address only. */
function languages() {
  const nav = document.querySelector(".ll-languages");
  nav.addEventListener("click", async (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    await speak(link.hreflang);
    const address = new URL(location.href);
    address.searchParams.set("lang", link.hreflang);
    history.replaceState(null, "", address);
  });
}
