/** Redraws one picture off the main thread. Receives {file, square}; posts a Redrawn, or {failed}. */

import { redraw } from "./redraw.js";

addEventListener("message", async ({ data: { file, square } }) => {
  try {
    const made = await redraw(file, square);
    postMessage(made, [made.pixels.data.buffer]);
  } catch (error) {
    postMessage({ failed: String(error) });
  }
});
