/** The style of the answer, loaded when it is needed: most first visits do without. */

import { make } from "./dom.js";

let asked = null;

/** @returns {Promise<void>} when the style applies; a failure is tried again by the next call */
export function dress() {
  asked ??= new Promise((done, failed) => {
    const link = make("link", { rel: "stylesheet", href: new URL("../answer.css", import.meta.url), load: () => done(), error: () => {
      asked = null;
      link.remove();
      failed(new Error("answer.css"));
    } });
    document.head.append(link);
  });
  return asked;
}
