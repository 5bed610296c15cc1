/** Validation of the consent checkbox, with an inline message instead of the browser's bubble. */

import { byId } from "./dom.js";

export function listen() {
  const box = byId("consent");
  const tell = (missing) => {
    byId("consent-missing").hidden = !missing;
    if (missing) box.setAttribute("aria-invalid", "true");
    else box.removeAttribute("aria-invalid");
  };
  box.addEventListener("invalid", (event) => {
    event.preventDefault(); // the browser's bubble covers the text of the consent
    tell(true);
    box.focus();
  });
  box.addEventListener("change", () => tell(false));
}
