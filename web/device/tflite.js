/**
 * A reader of .tflite files: flatbuffers of TensorFlow Lite's schema (version 3), whose numbers of
 * tables and fields stand in tensorflow/lite/schema/schema.fbs.
 */

export const FLOAT32 = 0, INT32 = 2, INT8 = 9;

/** The model is damaged, or has what the interpreter lacks. */
export class Unsupported extends Error {}

/**
 * @typedef {object} Tensor
 * @property {number[]} shape
 * @property {number} type
 * @property {number[]} scales    one, or one for each channel; empty where nothing is quantized
 * @property {number} zero        point that stands for 0
 * @property {ArrayBuffer | null} data  of a constant
 */

/**
 * @param {ArrayBuffer} file
 * @returns {{tensors: Tensor[], operations: object[], inputs: Object<string, number>, outputs: Object<string, number>}}
 *   inputs and outputs of the one signature: name → index of the tensor
 * @throws {Unsupported}
 */
export function read(file) {
  try {
    return parse(file);
  } catch (error) {
    throw error instanceof RangeError ? new Unsupported("the file is damaged") : error;
  }
}

function parse(file) {
  const view = new DataView(file);
  const int = (at) => view.getInt32(at, true);
  const table = (at) => at + view.getUint32(at, true);
  /** Where a field of a table stands; 0 where it has its default. */
  const field = (at, index) => {
    const layout = at - int(at);
    const entry = 4 + 2 * index;
    const offset = entry < view.getUint16(layout, true) ? view.getUint16(layout + entry, true) : 0;
    return offset && at + offset;
  };
  const whole = (at, index, otherwise = 0) => (field(at, index) ? int(field(at, index)) : otherwise);
  const byte = (at, index) => (field(at, index) ? view.getInt8(field(at, index)) : 0);
  const each = (at, index, width, value) => {
    const place = field(at, index);
    if (!place) return [];
    const start = table(place);
    const count = view.getUint32(start, true);
    if (count * width > file.byteLength) throw new RangeError("longer than the file");
    return Array.from({ length: count }, (_, i) => value(start + 4 + i * width));
  };
  const tables = (at, index) => each(at, index, 4, table);
  const ints = (at, index) => each(at, index, 4, int);
  const text = (at, index) => String.fromCharCode(...each(at, index, 1, (place) => view.getUint8(place)));

  if (view.byteLength < 8 || view.getUint32(4, true) !== 0x334c4654) throw new Unsupported("no TFL3 file");
  const model = table(0);
  const codes = tables(model, 1).map((code) => whole(code, 3) || byte(code, 0));
  const graphs = tables(model, 2);
  const buffers = tables(model, 4);
  const signatures = tables(model, 7);
  if (graphs.length !== 1 || signatures.length !== 1) throw new Unsupported("more than one graph or signature");

  const constant = (index) => {
    const place = field(buffers[index], 0);
    if (!place) return null;
    const start = table(place);
    const count = view.getUint32(start, true);
    if (start + 4 + count > file.byteLength) throw new RangeError("longer than the file");
    return file.slice(start + 4, start + 4 + count);
  };
  const tensors = tables(graphs[0], 0).map((tensor) => {
    const quantization = field(tensor, 4) && table(field(tensor, 4));
    const zeros = quantization ? each(quantization, 3, 8, (at) => Number(view.getBigInt64(at, true))) : [];
    if (zeros.some((zero) => zero !== zeros[0])) throw new Unsupported("zero points by channel");
    return {
      shape: ints(tensor, 0), type: byte(tensor, 1), data: constant(whole(tensor, 2)), zero: zeros[0] ?? 0,
      scales: quantization ? each(quantization, 2, 4, (at) => view.getFloat32(at, true)) : [],
    };
  });
  const operations = tables(graphs[0], 3).map((operation) => {
    const options = field(operation, 4) && table(field(operation, 4));
    return {
      code: codes[whole(operation, 0)], inputs: ints(operation, 1), outputs: ints(operation, 2),
      option: (index, otherwise = 0) => (options ? whole(options, index, otherwise) : otherwise),
      choice: (index) => (options ? byte(options, index) : 0),
    };
  });
  const named = (index) => Object.fromEntries(
    tables(signatures[0], index).map((entry) => [text(entry, 0), whole(entry, 1)]));
  return { tensors, operations, inputs: named(0), outputs: named(1) };
}
