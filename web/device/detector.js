/** What a picture is: dermatoscopic, a close-up, or other; as function/lesionlens/model/ood.py. */

import { arrays } from "./npz.js";

const KINDS = ["dermatoscopic", "close-up", "other"];

/** values (F,) through a matrix (F, K). */
function through(values, { shape: [, columns], values: matrix }) {
  const made = new Float64Array(columns);
  values.forEach((value, i) => {
    for (let k = 0; k < columns; k++) made[k] += value * matrix[i * columns + k];
  });
  return made;
}

/**
 * @param {ArrayBuffer} file detector.npz of the release
 * @param {{threshold: number, log_odds: number}} limits of the manifest
 * @returns {(features: Float32Array) => {kind: string, distance: number}}
 */
export function detector(file, { threshold, log_odds: least }) {
  const fitted = arrays(file);
  const [mean, projection, weights, bias] = ["mean", "projection", "weights", "bias"].map((name) => fitted.get(name));
  return (features) => {
    const centred = Float64Array.from(features, (value, i) => value - mean.values[i]);
    const whitened = through(centred, projection);
    const distance = Math.sqrt(whitened.reduce((sum, value) => sum + value * value, 0) / whitened.length);
    // Releases of before the classifier of kinds go by the distance alone.
    const logits = weights ? through(centred, weights).map((value, i) => value + bias.values[i]) : [0, 0, 0];
    const accepted = distance <= threshold && logits[0] - Math.max(logits[1], logits[2]) >= least;
    return { kind: accepted ? KINDS[0] : logits[1] > logits[2] ? KINDS[1] : KINDS[2], distance };
  };
}
