/** Redraws one picture apart from the page. Takes {file, square}; tells a Redrawn, or {failed}. */

import { redraw } from "./redraw.js";

addEventListener("message", async ({ data: { file, square } }) => {
  try {
    const made = await redraw(file, square);
    postMessage(made, [made.pixels.data.buffer]);
  } catch (error) {
    postMessage({ failed: String(error) });
  }
});
