/**
 * Runs the page's interpreter outside of a browser: node on_device.mjs FOLDER MODEL FRAMES KERNEL.
 *
 * FOLDER has web/device/*.js; FRAMES contains consecutive float32 images; KERNEL is "simd" or "plain".
 * Writes a line of JSON ({"outputs": {name: values per image}} or {"refused": reason}), then the outputs
 * of each image in the order of those names, float32.
 */
import { readFileSync, writeSync } from "node:fs";

const [folder, model, frames, kind] = process.argv.slice(2);
const { Interpreter, kernel } = await import(`${folder}/interpreter.js`);
const { Unsupported } = await import(`${folder}/tflite.js`);
const bytes = (path) => new Uint8Array(readFileSync(path)).buffer;

function write(data) {
  // A write to a pipe may be partial.
  for (let at = 0; at < data.length;) {
    try {
      at += writeSync(1, data, at);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}
const line = (document) => write(Buffer.from(`${JSON.stringify(document)}\n`));

try {
  const machine = new Interpreter(bytes(model), await kernel(kind === "simd" ? bytes(`${folder}/kernel.wasm`) : null));
  const images = new Float32Array(bytes(frames));
  const length = machine.size * machine.size * 3;
  for (let at = 0; at < images.length; at += length) {
    const outputs = machine.run(images.subarray(at, at + length));
    const names = Object.keys(outputs).sort();
    if (!at) line({ outputs: Object.fromEntries(names.map((name) => [name, outputs[name].length])) });
    for (const name of names) write(Buffer.from(outputs[name].buffer));
  }
} catch (error) {
  if (!(error instanceof Unsupported)) throw error;
  line({ refused: error.message });
}
