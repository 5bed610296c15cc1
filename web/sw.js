/**
 * Caches the page for offline use, for visitors who downloaded the check on their device.
 *
 * Online, the server's page is shown, and its files (device/page.json) are cached anew with each visit.
 * device/kept.js caches the release.
 */

const PAGE = "lesionlens-page", RELEASE = "lesionlens-release";
const PATIENCE = 4000; // milliseconds before a slow connection counts as none

/** Fetch all files of the page, and only then replace the cached ones. */
async function keep() {
  const fresh = async (path) => {
    const answer = await fetch(path, { cache: "no-cache" });
    if (!answer.ok) throw new TypeError(`${path}: ${answer.status}`);
    return answer;
  };
  const paths = await (await fresh("device/page.json")).json();
  const answers = await Promise.all(paths.map(fresh));
  const cache = await caches.open(PAGE);
  for (const key of await cache.keys()) await cache.delete(key);
  await Promise.all(paths.map((path, i) => cache.put(path, answers[i])));
}

/** The cached response to a request; for v1/model, the manifest of the stored release. */
async function kept(request) {
  if (new URL(request.url).pathname.endsWith("/v1/model")) {
    if (!(await caches.has(RELEASE))) return undefined;
    const release = await caches.open(RELEASE);
    const [manifest] = (await release.keys()).filter(({ url }) => url.endsWith("/manifest.json"));
    return manifest && release.match(manifest);
  }
  // The language is part of an address, but not of what stands there.
  return caches.match(request, { cacheName: PAGE, ignoreSearch: true });
}

async function answer(request) {
  const asked = fetch(request);
  const late = new Promise((done) => setTimeout(done, PATIENCE));
  const found = await Promise.race([asked, late]).catch(() => undefined);
  if (found && found.status < 500) return found;
  return (await kept(request)) ?? asked;
}

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(keep());
});
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("message", (event) => event.waitUntil(keep().catch(() => {})));
addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && new URL(request.url).origin === location.origin) event.respondWith(answer(request));
});
