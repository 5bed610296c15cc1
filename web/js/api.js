/** Client of the service. Addresses are relative: page and service share an origin. */

const PATIENCE = 90_000; // milliseconds for one answer, a cold start included

/** A failure: the service's problem document (RFC 9457), or a reason found in the browser. */
export class Problem extends Error {
  constructor({ slug, status = 0, detail = "", requestId = "", retryAfter = 0 }) {
    super(detail || slug);
    Object.assign(this, { slug, status, detail, requestId, retryAfter });
  }
}

/** Parse Retry-After: seconds or a date. @returns {number} seconds, 0 when absent */
function seconds(header) {
  if (!header) return 0;
  const wait = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(wait) ? Math.max(0, Math.ceil(wait)) : 0;
}

function problemOf(request) {
  let body = {};
  try {
    body = JSON.parse(request.responseText);
  } catch {
    // A proxy's error page is not JSON; fall back to the status.
  }
  const slugs = {
    408: "too-slow",
    413: "body-too-large",
    429: "too-many-requests",
    503: "model-unavailable",
  };
  return new Problem({
    slug: /\/problems\/([\w-]+)$/.exec(body.type)?.[1] ?? slugs[request.status] ?? "other",
    status: request.status,
    detail: body.detail,
    requestId: body.request_id ?? request.getResponseHeader("X-Request-Id"),
    retryAfter: seconds(request.getResponseHeader("Retry-After")),
  });
}

/**
 * Send one picture. XMLHttpRequest is used because fetch does not report upload progress.
 * @param {Blob} blob
 * @param {{onProgress: (share: number) => void, onSent: () => void, signal: AbortSignal}} on
 * @returns {Promise<object>} the result as in the service's OpenAPI document
 */
export function classify(blob, name, { onProgress, onSent, signal }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const fail = (slug) => reject(new Problem({ slug }));
    request.open("POST", "v1/classify?explain=true");
    request.setRequestHeader("Accept", "application/json");
    request.timeout = PATIENCE;
    request.upload.onprogress = (event) =>
      event.lengthComputable && onProgress(event.loaded / event.total);
    request.upload.onload = onSent;
    request.onerror = () => fail("offline");
    request.ontimeout = () => fail("no-answer");
    request.onabort = () => reject(signal.reason);
    request.onload = () => {
      if (request.status !== 200) return reject(problemOf(request));
      try {
        resolve(JSON.parse(request.responseText));
      } catch {
        fail("other");
      }
    };
    signal.addEventListener("abort", () => request.abort(), { once: true });
    const form = new FormData();
    form.append("image", blob, name);
    request.send(form);
  });
}

/** Read a JSON document of the service. @param {string} path */
export async function read(path) {
  const answer = await fetch(path, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Problem({ slug: "other", status: answer.status });
  return answer.json();
}
