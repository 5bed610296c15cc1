/** Check a picture on the server, with retries. */

import { classify } from "./api.js";
import { patiently } from "./retry.js";
import * as waiting from "./waiting.js";

/** @param {import("./picture.js").Picture} picture @param {AbortSignal} signal @returns {Promise<object>} */
export const check = (picture, signal) => patiently(() => once(picture, signal), waiting.pause, signal);

/** One attempt; shows its progress. */
async function once({ redrawn, name, blob }, signal) {
  const { end, ...listeners } = waiting.attempt();
  try {
    return await classify(blob, redrawn ? "image.jpg" : name, { ...listeners, signal });
  } finally {
    end();
  }
}
