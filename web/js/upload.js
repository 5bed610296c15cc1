/** The ways by which a picture arrives: choose, camera, drop, paste. */

import { byId } from "./dom.js";

/** @param {(files: File[]) => void} take called with the files that arrive together */
export function listen(take) {
  // A dropped or pasted picture leaves the input empty, and that is not an error any more.
  byId("image").required = false;
  // Without a script the form takes one picture, as the service does.
  byId("image").multiple = true;

  for (const input of [byId("image"), byId("camera")]) {
    input.addEventListener("change", () => {
      if (input.files.length) take([...input.files]);
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
    arrived(event, event.dataTransfer);
  });

  addEventListener("paste", (event) => {
    arrived(event, event.clipboardData);
  });

  function arrived(event, transfer) {
    const files = [...(transfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  }
}

/** Empty the inputs, so that choosing the same file again counts as a choice. */
export function clear() {
  byId("image").value = "";
  byId("camera").value = "";
}
