/** Agreeing before anything is sent; what is missing is said beside the box, not in a bubble over the page. */

import { byId } from "./dom.js";

export function listen() {
  const box = byId("consent");
  const tell = (missing) => {
    byId("consent-missing").hidden = !missing;
    if (missing) box.setAttribute("aria-invalid", "true");
    else box.removeAttribute("aria-invalid");
  };
  box.addEventListener("invalid", (event) => {
    event.preventDefault(); // the browser's bubble covers what it is about
    tell(true);
    box.focus();
  });
  box.addEventListener("change", () => tell(false));
}
