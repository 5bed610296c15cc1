/** An interpreter for int8 TensorFlow Lite models whose outputs equal LiteRT's bit for bit. */

import { count, need, OPERATIONS } from "./operations.js";
import { plain } from "./plain.js";
import { FLOAT32, INT8, read } from "./tflite.js";

/** The SIMD kernel, or the plain JavaScript one where the browser lacks SIMD. @param {BufferSource | null} wasm */
export async function kernel(wasm) {
  try {
    if (wasm) return (await WebAssembly.instantiate(wasm)).instance.exports;
  } catch {
    // No WebAssembly, no SIMD, or a policy that forbids both.
  }
  return plain();
}

export class Interpreter {
  /**
   * @param {ArrayBuffer} model a .tflite file
   * @param {object} exports of `kernel`
   * @throws {Unsupported}
   */
  constructor(model, exports) {
    const { tensors, operations, inputs, outputs } = read(model);
    this.kernel = exports;
    this.memory = exports.memory;
    this.top = exports.__heap_base.value;
    Object.assign(this, { tensors, inputs, outputs });
    for (const tensor of tensors) {
      need([FLOAT32, INT8].includes(tensor.type) || tensor.data, `tensors of type ${tensor.type}`);
      if (!tensor.data) tensor.at = this.reserve(count(tensor) * (tensor.type === FLOAT32 ? 4 : 1));
    }
    this.steps = operations.map((operation) => {
      const make = OPERATIONS[operation.code];
      need(make, `operation ${operation.code}`);
      const [output] = operation.outputs.map((index) => tensors[index]);
      return make(this, operation, operation.inputs.map((index) => tensors[index]), output);
    });
  }

  /** Side of the square image that the model takes, in pixels. */
  get size() {
    return this.tensors[this.inputs.image].shape[1];
  }

  /** @param {Float32Array} image RGB in [0, 255], row by row @returns {Object<string, Float32Array>} outputs by name */
  run(image) {
    const input = this.tensors[this.inputs.image];
    need(image.length === count(input), `an image of ${image.length} values`);
    this.floats(input).set(image);
    for (const step of this.steps) step();
    return Object.fromEntries(Object.entries(this.outputs).map(([name, index]) =>
      [name, this.floats(this.tensors[index]).slice()]));
  }

  /** Reserve bytes of the kernel's memory, aligned for any type; returns their address. */
  reserve(bytes) {
    const at = (this.top + 15) & ~15;
    // The kernel reads whole vectors, which may reach past the end.
    this.top = at + bytes + 16;
    const missing = this.top - this.memory.buffer.byteLength;
    if (missing > 0) this.memory.grow(Math.ceil(missing / 65536));
    return at;
  }

  place(values) {
    const at = this.reserve(values.byteLength);
    new values.constructor(this.memory.buffer, at, values.length).set(values);
    return at;
  }

  bytes() {
    return new Int8Array(this.memory.buffer);
  }

  floats(tensor) {
    return new Float32Array(this.memory.buffer, tensor.at, count(tensor));
  }
}
