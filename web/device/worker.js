/**
 * Checks one picture with the stored release, in a worker that the page ends afterwards to free its memory.
 *
 * Receives a Blob; posts {stage} as it goes on, then {answer} or {refused, detail}.
 */

import { Elsewhere } from "./elsewhere.js";
import { Examiner } from "./examine.js";
import { load } from "./kept.js";

const say = (message) => postMessage(message);

async function kernelFile() {
  try {
    return await (await fetch(new URL("kernel.wasm", import.meta.url))).arrayBuffer();
  } catch {
    return null; // the plain kernel takes over
  }
}

addEventListener("message", async ({ data: file }) => {
  try {
    say({ stage: "release" });
    const examiner = await Examiner.of(await load(), await kernelFile());
    say({ stage: "check" });
    await examiner.check();
    say({ answer: await examiner.examine(file, (stage) => say({ stage })) });
  } catch (error) {
    say({ refused: error instanceof Elsewhere ? error.reason : "other", detail: error.message });
  }
});
