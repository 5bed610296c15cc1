/** The style sheet of preview and result, loaded with the first picture to keep the first visit small. */

import { make } from "./dom.js";

let asked = null;

/** @returns {Promise<void>} resolved when the style applies; after a failure the next call tries again */
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
