/** From a picture to the result document: function/lesionlens/pipeline.py and model/result.py, on the device. */

import { explanation } from "./cam.js";
import { prepare } from "./decode.js";
import { detector } from "./detector.js";
import { Elsewhere } from "./elsewhere.js";
import { sha256 } from "./hash.js";
import { Interpreter, kernel } from "./interpreter.js";
import { posterior, prior } from "./posterior.js";
import { exceeded, measures } from "./quality.js";
import { Unsupported } from "./tflite.js";

const CLOSE = 0.005; // in a probability, to what the server says of the same JPEG

/**
 * @typedef {object} Release
 * @property {object} manifest
 * @property {object} device       the document of v1/device
 * @property {ArrayBuffer} model
 * @property {ArrayBuffer | null} detector
 */

export class Examiner {
  /** @param {Release} release @param {BufferSource | null} wasm @throws {Elsewhere} */
  static async of(release, wasm) {
    try {
      return new Examiner(release, new Interpreter(release.model, await kernel(wasm)));
    } catch (error) {
      throw error instanceof Unsupported ? new Elsewhere("model", error.message) : error;
    }
  }

  constructor({ manifest, device, detector: fitted }, interpreter) {
    Object.assign(this, { manifest, device, interpreter });
    this.prior = prior(manifest);
    this.recognize = manifest.in_distribution && detector(fitted, manifest.in_distribution);
    if (interpreter.size !== manifest.input.size) throw new Elsewhere("model", `a size of ${interpreter.size}`);
  }

  /**
   * Check that this browser decodes and computes as the server does, by comparing two stored pictures'
   * outputs with those of the server's interpreter. @throws {Elsewhere} if any differs
   */
  async check() {
    for (const { picture, probabilities, exact } of this.device.check) {
      const file = new Blob([Uint8Array.from(atob(picture), (character) => character.charCodeAt(0))]);
      const { pixels } = await prepare(file, this.manifest.input, this.device);
      const outputs = this.run(pixels);
      const found = posterior(outputs.logits, this.manifest.calibration, this.prior.shares);
      const far = found.findIndex((value, i) => Math.abs(value - probabilities[i]) > CLOSE);
      if (far >= 0) throw new Elsewhere("check", "probabilities");
      for (const [name, digest] of Object.entries(exact)) {
        if (await sha256(outputs[name]) !== digest) throw new Elsewhere("check", name);
      }
    }
  }

  run(pixels) {
    return this.interpreter.run(Float32Array.from(pixels));
  }

  /** @param {Blob} file @param {(stage: string) => void} said @returns {Promise<object>} as the service answers `?explain=true` */
  async examine(file, said = () => {}) {
    const started = performance.now();
    said("picture");
    const prepared = await prepare(file, this.manifest.input, this.device);
    const ready = performance.now();
    said("model");
    const outputs = this.run(prepared.pixels);
    const done = performance.now();
    const document = this.document(prepared, outputs);
    document.timing_ms = { decode: ready - started, inference: done - ready, total: done - started };
    const { width, height } = prepared;
    document.explanation = await explanation(
      document.probabilities[0].label, this.manifest.classes, outputs.activation_maps, width, height);
    return document;
  }

  document({ pixels, width, height, several }, { logits, features }) {
    const { manifest, device } = this;
    const shares = posterior(logits, manifest.calibration, this.prior.shares);
    const entries = manifest.classes.map((label, i) => ({ label, ...device.classes[label], probability: shares[i] }))
      .sort((a, b) => b.probability - a.probability)
      .map(({ label, name, probability, malignant }) => ({ label, name, probability, malignant }));
    const malignant = (values) => manifest.classes.reduce((sum, label, i) => sum + (device.classes[label].malignant ? values[i] : 0), 0);
    const recognition = this.recognize && this.recognize(features);
    const recognized = !recognition || recognition.kind === "dermatoscopic";
    const side = Math.min(width, height);
    const measured = measures(pixels, manifest.input.size, side);
    const { limits } = manifest.quality;
    const cautions = [
      ...(several ? [device.cautions["first-picture"]] : []),
      ...(recognized ? [] : [device.cautions[recognition.kind]]),
      ...exceeded(measured, limits).map((name) => filled(device.cautions[name], measured[name], limits[name]))];
    const [{ label, name, probability }] = entries;
    const chance = malignant(shares);
    const { threshold } = manifest.malignancy;
    return {
      request_id: `device-${crypto.randomUUID()}`,
      model: { name: manifest.name, version: manifest.version },
      prediction: recognized ? { label, name, probability } : null,
      prior: { name: this.prior.name, malignant: malignant(this.prior.shares) },
      views: 1,
      probabilities: entries,
      malignancy: recognized ? {
        probability: chance, flag: chance >= threshold,
        decision: { prior: this.prior.name, probability: chance, threshold } } : null,
      input: {
        width, height, kind: recognition ? recognition.kind : null, in_distribution: recognition ? recognized : null,
        score: recognition ? Math.round(1e4 * recognition.distance) / 1e4 : null, warnings: cautions },
      notice: device.notice,
    };
  }
}

/** A caution with its figures filled in, as whole numbers. */
const filled = ({ code, message }, value, limit) =>
  ({ code, message: message.replace("{value:.0f}", value.toFixed()).replace("{limit:.0f}", limit.toFixed()) });
