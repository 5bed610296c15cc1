/** Several pictures of one lesion: each is checked by itself, and the most urgent answer leads. */

import * as answer from "./answer.js";
import { make } from "./dom.js";
import { told as reason } from "./problem.js";
import { number, text } from "./text.js";

/** Statuses that concern the picture itself. */
const UNUSABLE = [413, 415, 422];
const STEPS = ["unknown", "watch", "appointment", "soon"];

/** @typedef {{picture: import("./picture.js").Picture, result?: object, problem?: import("./api.js").Problem}} Found */

/**
 * Check the pictures one after the other. An unusable one is left out as long as another has an answer.
 * @param {import("./picture.js").Picture[]} pictures
 * @param {(picture: object, index: number) => Promise<object>} check
 * @returns {Promise<Found[]>}
 */
export async function examine(pictures, check) {
  const found = [];
  for (const [index, picture] of pictures.entries()) {
    try {
      found.push({ picture, result: await check(picture, index) });
    } catch (problem) {
      if (!UNUSABLE.includes(problem.status)) throw problem;
      found.push({ picture, problem });
    }
  }
  if (!found.some(({ result }) => result)) throw found[0].problem;
  return found;
}

/** The picture whose answer leads: the most urgent, then the one with the highest chance. @param {Found[]} found */
export function leading(found) {
  const rank = ({ result }) =>
    STEPS.indexOf(answer.advised(result).urgency) + (result.malignancy?.probability ?? -1);
  return found.filter(({ result }) => result).reduce((best, one) => (rank(one) > rank(best) ? one : best));
}

/** Whether the answers agree, in a sentence; empty for a single picture. @param {Found[]} found */
export function agreement(found) {
  if (found.length < 2) return "";
  const counted = found.filter(({ result }) => result && answer.judged(result));
  const kinds = new Set(counted.map(({ result }) => answer.level(result)));
  if (!counted.length) return text("several.none");
  if (counted.length === 1) return text("several.single");
  return kinds.size > 1 ? text("several.differ") : text("several.agree", { n: number(counted.length) });
}

/** The pictures, each with its answer or the reason why it was left out. @param {Found[]} found */
export function list(found) {
  if (found.length < 2) return null;
  return make("section", { class: "ll-several" }, make("h2", {}, text("several.title", { n: number(found.length) })),
    make("p", {}, agreement(found)),
    make("ul", {}, found.map(({ picture, result, problem }, index) => make("li", {},
      picture.address ? make("img", { src: picture.address, alt: "", width: 72, height: 72 }) : null,
      make("div", {}, make("strong", {}, text("tray.picture", { n: index + 1 })),
        make("p", {}, problem ? left(reason(problem)) : told(result)))))));
}

const left = (why) => `${text("several.left")} ${why}`;

function told(result) {
  if (answer.judged(result)) return `${answer.advice(result)}. ${answer.chance(result)}`;
  const [fault] = answer.remarks(result);
  return left(fault ?? `${answer.advice(result)}.`);
}
