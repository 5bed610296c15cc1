/** The example pictures. */

import { byId } from "./dom.js";

/**
 * @param {(files: File[], options: {example: string}) => void} take
 * @param {() => void} fail called when a picture cannot be had
 */
export function listen(take, fail) {
  byId("question").addEventListener("click", async (event) => {
    const { example: name, label } = event.target.closest("[data-example]")?.dataset ?? {};
    if (!name) return;
    try {
      const answer = await fetch(`examples/${name}.jpg`);
      if (!answer.ok) throw new Error(answer.statusText);
      take([new File([await answer.blob()], `${name}.jpg`, { type: "image/jpeg" })], { example: label });
    } catch {
      fail();
    }
  });
}
