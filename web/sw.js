/**
 * Keeps the page for visits without a connection, for who has asked to check pictures on this device.
 *
 * With a connection the server's page is shown; what it consists of (device/page.json) is kept anew with
 * each visit. The release is device/kept.js's to keep.
 */

const PAGE = "lesionlens-page", RELEASE = "lesionlens-release";
const PATIENCE = 4000; // milliseconds for a connection that hardly is one

/** Fetch all of the page, and only then keep it in the place of the one before. */
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

/** What is kept of an address; of the model's document the manifest of the release that is kept. */
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
