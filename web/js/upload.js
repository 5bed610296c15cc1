/** Input of pictures: file chooser, camera, drop and paste. */

import { byId } from "./dom.js";

/** @param {(files: File[]) => void} take called with the files that arrive together */
export function listen(take) {
  // Dropped and pasted pictures leave the input empty.
  byId("image").required = false;
  // Only with the script: the address of the plain form takes a single picture.
  byId("image").multiple = true;

  for (const input of [byId("image"), byId("camera")]) {
    input.addEventListener("change", () => {
      if (input.files.length) take([...input.files]);
    });
  }

  const drop = byId("drop");
  // The whole window accepts drops; elsewhere the browser would open the file.
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

/** Reset the inputs, so that choosing the same file again fires a change event. */
export function clear() {
  byId("image").value = "";
  byId("camera").value = "";
}
