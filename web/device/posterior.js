/** From logits to one posterior under the release's default prior; as function/lesionlens/model/posterior.py. */

const STEPS = 2 ** 52; // probabilities are whole multiples of 1 / STEPS, so that any sum of them is exact

const sum = (values) => values.reduce((a, b) => a + b, 0);

/** @returns {{name: string, shares: number[]}} in the order of the outputs */
export function prior({ priors, malignancy: { prior: name } }) {
  const total = sum(priors[name]);
  return { name, shares: priors[name].map((share) => share / total) };
}

/** @param {Float32Array} logits @returns {number[]} probabilities that sum to exactly 1 */
export function posterior(logits, { scales, offsets }, shares) {
  const scores = shares.map((share, i) => logits[i] * scales[i] + offsets[i] + Math.log(share));
  const highest = Math.max(...scores);
  const exponentials = scores.map((score) => Math.exp(score - highest));
  const total = sum(exponentials);
  const steps = exponentials.map((value) => Math.round(STEPS * (value / total)));
  const first = steps.indexOf(Math.max(...steps));
  // What rounding gained or lost goes to the largest, where it is the least of a change.
  steps[first] += STEPS - sum(steps);
  return steps.map((step) => step / STEPS);
}
