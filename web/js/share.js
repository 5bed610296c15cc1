/** Sharing a result through the system's share sheet, where there is one. */

import * as answer from "./answer.js";
import { text } from "./text.js";

export const canShare = () => typeof navigator.share === "function";

/** Share advice, chance and disclaimer as text, with the picture if files can be shared. */
export async function share(result, picture) {
  const words = [answer.advice(result), answer.chance(result), answer.judged(result) ? answer.likely(result) : "", answer.notice(result)];
  const data = { title: text("share.title"), text: words.filter(Boolean).join("\n") };
  const files = [new File([picture.blob], "lesionlens.jpg", { type: "image/jpeg" })];
  if (picture.redrawn && navigator.canShare?.({ ...data, files })) data.files = files;
  try {
    await navigator.share(data);
  } catch (error) {
    // AbortError: the visitor closed the sheet.
    if (error.name !== "AbortError") throw error;
  }
}
