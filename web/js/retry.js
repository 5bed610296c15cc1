/** Retries while the service is busy or not ready. */

const RETRIED = [429, 503];
export const TRIES = 4;
const WAIT = 5; // seconds, when the service names none
const LONGEST_WAIT = 60; // seconds

/** Whether a retry with the same picture may succeed. */
export const worthwhile = ({ slug, status }) =>
  !slug.startsWith("device-") && (!status || [408, 429].includes(status) || status >= 500);

/**
 * @param {() => Promise<T>} attempt
 * @param {(problem, secondsLeft: number, next: number) => void} onWait called every second
 * @param {AbortSignal} signal
 * @template T
 */
export async function patiently(attempt, onWait, signal) {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (problem) {
      if (!RETRIED.includes(problem.status) || tried === TRIES) throw problem;
      const wait = Math.min(LONGEST_WAIT, problem.retryAfter || WAIT);
      for (let left = wait; left > 0; left--) {
        onWait(problem, left, tried + 1);
        await second(signal);
      }
    }
  }
}

function second(signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, 1000);
    function done() {
      signal.removeEventListener("abort", stop);
      resolve();
    }
    function stop() {
      clearTimeout(timer);
      reject(signal.reason);
    }
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
  });
}
