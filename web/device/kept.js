/** The release that the visitor downloaded: fetched once, verified, and stored in the browser's cache. */

import { Elsewhere } from "./elsewhere.js";
import { sha256 } from "./hash.js";

const NAME = "lesionlens-release";
const MODEL = "model.tflite", DETECTOR = "detector.npz";
const address = (version, file) => new URL(`../releases/${version}/${file}`, import.meta.url);

/** The files of a release that the browser needs beside its manifest. */
const wanted = ({ files }) => [MODEL, DETECTOR].filter((name) => files[name]);

/** Bytes of the files of a release. */
export const size = (manifest) => wanted(manifest).reduce((sum, name) => sum + manifest.files[name].size, 0);

/** The manifest of the stored release; null if there is none. */
export async function manifest() {
  if (!(await caches.has(NAME))) return null;
  const kept = await caches.open(NAME);
  const [key] = (await kept.keys()).filter(({ url }) => url.endsWith("/manifest.json"));
  return key ? (await kept.match(key)).json() : null;
}

/** Whether the stored release is that of this manifest. */
export const isCurrent = (kept, manifest) =>
  kept?.version === manifest.version && kept.files[MODEL].sha256 === manifest.files[MODEL].sha256;

async function checked(data, name, { files }) {
  if (await sha256(data) !== files[name].sha256) throw new Elsewhere("damaged", name);
  return data;
}

/**
 * Fetch a release and store it in place of any other.
 * @param {string} version
 * @param {(share: number) => void} progress from 0 to 1
 * @throws {Elsewhere} "damaged" if its bytes are not those of its manifest; TypeError without a connection
 */
export async function fetchRelease(version, progress) {
  const get = async (url) => {
    const answer = await fetch(url, { cache: "no-cache" });
    if (!answer.ok) throw new TypeError(`${url}: ${answer.status}`);
    return answer;
  };
  const [manifest, device] = await Promise.all(
    [address(version, "manifest.json"), new URL("../v1/device", import.meta.url)].map(async (url) => (await get(url)).json()));
  // A promotion happened between the two requests; the next attempt will find both alike.
  if (device.version !== manifest.version) throw new TypeError("two releases");
  const json = (document) => new Blob([JSON.stringify(document)], { type: "application/json" });
  const files = new Map([["device.json", json(device)]]);
  let received = 0;
  for (const name of wanted(manifest)) {
    const parts = [];
    const answer = await get(address(version, name));
    for (const reader = answer.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      received += value.length;
      progress(Math.min(1, received / size(manifest)));
    }
    const blob = new Blob(parts, { type: "application/octet-stream" });
    await checked(await blob.arrayBuffer(), name, manifest);
    files.set(name, blob);
  }
  await caches.delete(NAME);
  const cache = await caches.open(NAME);
  for (const [name, blob] of files) await cache.put(address(version, name), new Response(blob));
  // Last: a release with a manifest is complete.
  await cache.put(address(version, "manifest.json"), new Response(json(manifest)));
  return manifest;
}

/** Read the stored release and verify each file against its manifest. @returns {Promise<import("./examine.js").Release>} */
export async function load() {
  const found = await manifest();
  if (!found) throw new Elsewhere("missing");
  const cache = await caches.open(NAME);
  const read = async (name) => {
    const answer = await cache.match(address(found.version, name));
    if (!answer) throw new Elsewhere("damaged", name);
    return answer;
  };
  const files = new Map();
  for (const name of wanted(found)) files.set(name, await checked(await (await read(name)).arrayBuffer(), name, found));
  return {
    manifest: found, device: await (await read("device.json")).json(),
    model: files.get(MODEL), detector: files.get(DETECTOR) ?? null };
}

export const forget = () => caches.delete(NAME);
