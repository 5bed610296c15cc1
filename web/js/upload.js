/** The ways by which a picture arrives: choose, camera, drop, paste. */

import { byId } from "./dom.js";

/** @param {(file: File) => void} take called with every file that arrives */
export function listen(take) {
  // A dropped or pasted picture leaves the input empty, and that is not an error any more.
  byId("image").required = false;

  for (const input of [byId("image"), byId("camera")]) {
    input.addEventListener("change", () => {
      if (input.files[0]) take(input.files[0]);
    });
  }

  const drop = byId("drop");
  // The whole window accepts, so that a near miss does not make the browser open the file.
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    drop.classList.add("ll-drop--over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("ll-drop--over");
  });
  addEventListener("drop", (event) => {
    drop.classList.remove("ll-drop--over");
    const [file] = event.dataTransfer?.files ?? [];
    if (!file) return;
    event.preventDefault();
    take(file);
  });

  addEventListener("paste", (event) => {
    const [file] = event.clipboardData?.files ?? [];
    if (!file) return;
    event.preventDefault();
    take(file);
  });
}

/** Empty the inputs, so that choosing the same file again counts as a choice. */
export function clear() {
  byId("image").value = "";
  byId("camera").value = "";
}
