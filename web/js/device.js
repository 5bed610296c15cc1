/** Checking a picture on this device: the offer, what it costs, and the check itself. */

import { isCurrent, fetchRelease, manifest, size } from "../device/kept.js";
import { Problem } from "./api.js";
import { byId } from "./dom.js";
import { facts } from "./facts.js";
import { number, text } from "./text.js";
import * as waiting from "./waiting.js";

const PAGE_BYTES = 0.6e6; // of the page and its code, at most; a test holds it
const READ = ["image/jpeg", "image/png", "image/webp"];

const able = isSecureContext && "caches" in globalThis && "serviceWorker" in navigator &&
  "OffscreenCanvas" in globalThis && "DecompressionStream" in globalThis;
const megabytes = (bytes) => number(Math.ceil((bytes + PAGE_BYTES) / 1e5) / 10, 1);

/** The service's manifest; what is kept, when there is no connection. */
const served = () => facts().catch(() => null);

/** Say what can be done here with the pictures. @param {import("./picture.js").Picture[]} pictures */
export async function offer(pictures) {
  const box = byId("device");
  box.hidden = !able;
  if (!able) return;
  const kept = await manifest();
  const current = await served();
  const readable = pictures.every(({ redrawn, file }) => redrawn && READ.includes(file.type));
  const ready = kept && (!current || isCurrent(kept, current));
  const source = current ?? kept;
  const values = source && { size: megabytes(size(source)) };
  byId("device-text").textContent = !readable ? text("here.elsewhere")
    : ready ? text("here.ready") : !source ? text("here.unknown") : text(kept ? "here.newer" : "here.costs", values);
  const button = byId("device-check");
  button.hidden = !readable || !source;
  button.textContent = text(ready ? "here.check" : "here.download");
  // What is here already is the first offer.
  const first = Boolean(ready && readable);
  button.classList.toggle("ll-button--main", first);
  byId("send").classList.toggle("ll-button--main", !first);
}

/**
 * Check a picture here; the release is fetched first where it is not the service's.
 * @param {import("./picture.js").Picture} picture @param {AbortSignal} signal
 * @returns {Promise<object>} as the service answers
 * @throws {Problem} "device-…" where the picture has to go to the server
 */
export async function check(picture, signal) {
  const [kept, current] = [await manifest(), await served()];
  if (current && !(kept && isCurrent(kept, current))) await download(current.version);
  signal.throwIfAborted();
  waiting.stage(text("here.stage.release"));
  const worker = new Worker(new URL("../device/worker.js", import.meta.url), { type: "module" });
  try {
    return await new Promise((resolve, reject) => {
      const refuse = (reason) => reject(new Problem({ slug: `device-${reason}` }));
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      worker.addEventListener("error", () => refuse("other"));
      worker.addEventListener("message", ({ data: { stage, answer, refused } }) => {
        if (answer) resolve(answer);
        else if (refused) refuse(refused);
        else waiting.stage(text(`here.stage.${stage}`));
      });
      worker.postMessage(picture.cut ? picture.blob : picture.file);
    });
  } finally {
    // Gives its memory back.
    worker.terminate();
  }
}

async function download(version) {
  try {
    await fetchRelease(version, (share) => waiting.stage(text("here.fetching", { percent: `${number(100 * share)}%` }), share));
  } catch (error) {
    throw new Problem({ slug: error.reason ? `device-${error.reason}` : "offline" });
  }
  // Without it (a private window) all works, but not without a connection.
  navigator.serviceWorker.register(new URL("../sw.js", import.meta.url)).catch(() => {});
}

// With a connection, what is kept of the page becomes the server's.
if (able) navigator.serviceWorker.controller?.postMessage("keep");
