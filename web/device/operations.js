/**
 * The operations of an int8 model. What is quantized is computed as XNNPACK does it, LiteRT's own kernels
 * for processors; an operation, or a form of one, that does not stand here is refused.
 */

import { FLOAT32, INT8, Unsupported } from "./tflite.js";

const single = Math.fround;
const LOWEST = -128, HIGHEST = 127;
const SAME = 0; // padding
const NONE = 0, RELU = 1, RELU6 = 3; // fused activations
const LANES = 8; // values that the kernel takes at once

/** To the nearest whole number; halves to the even one. */
const rounded = (value) => {
  const up = Math.round(value);
  return up - value === 0.5 && up % 2 ? up - 1 : up;
};
const int8 = (value) => Math.max(LOWEST, Math.min(HIGHEST, value));
export const count = ({ shape }) => shape.reduce((a, b) => a * b, 1);

export function need(condition, what) {
  if (!condition) throw new Unsupported(what);
}

/** What a fused activation leaves of int8. */
function range(activation, { zero, scales: [scale] }) {
  need([NONE, RELU, RELU6].includes(activation), `activation ${activation}`);
  return [
    activation === NONE ? LOWEST : Math.max(LOWEST, zero),
    activation === RELU6 ? Math.min(HIGHEST, rounded(single(6 / scale)) + zero) : HIGHEST,
  ];
}

function quantized(...tensors) {
  need(tensors.every(({ type, scales }) => type === INT8 && scales.length === 1), "values that are no int8");
}

/** Geometry and constants that the two convolutions share. */
function convolution(operation, [image, weights, bias], output, channels, dilation) {
  quantized(image, output);
  const [, size, width] = image.shape;
  const [, side, sideways] = weights.shape;
  const stride = operation.option(2, 1);
  need(size === width && side === sideways && stride === operation.option(1, 1), "what is not square");
  need(dilation.every((index) => operation.option(index, 1) === 1), "dilation");
  need(weights.type === INT8 && weights.data && weights.zero === 0 && bias?.data, "weights that are not constant int8");
  need([1, channels].includes(weights.scales.length), "scales that are not by channel");
  const made = output.shape[1];
  const padding = operation.choice(0) === SAME ? Math.max(0, (made - 1) * stride + side - size) : 0;
  const padded = (channels + 3) & ~3;
  const scale = new Float32Array(padded);
  for (let i = 0; i < channels; i++) {
    scale[i] = single(single(image.scales[0] * (weights.scales[i] ?? weights.scales[0])) / output.scales[0]);
  }
  const sums = new Int32Array(padded);
  sums.set(new Int32Array(bias.data));
  return { size, made, side, stride, before: padding >> 1, padded, scale, sums, values: new Int8Array(weights.data) };
}

function conv2d(machine, operation, inputs, output) {
  const [image, weights] = inputs;
  const channels = weights.shape[0];
  const { size, made, side, stride, before, padded, scale, sums, values } =
    convolution(operation, inputs, output, channels, [4, 5]);
  const [lo, hi] = range(operation.choice(3), output);
  const length = values.length / channels;
  const depth = Math.ceil(length / LANES) * LANES;
  const wide = new Int8Array(padded * depth);
  for (let i = 0; i < channels; i++) {
    wide.set(values.subarray(i * length, (i + 1) * length), i * depth);
    // The zero point of the image, taken out of every sum beforehand.
    for (let k = 0; k < length; k++) sums[i] -= image.zero * values[i * length + k];
  }
  const [at, bias, by] = [wide, sums, scale].map((constant) => machine.place(constant));
  const multiply = (from) => machine.kernel.multiply(
    from, at, bias, by, output.at, made * made, depth, channels, lo, hi, output.zero);
  if (side === 1 && stride === 1 && depth === length) return () => multiply(image.at);

  const patches = machine.reserve(made * made * depth);
  const planes = image.shape[3];
  return () => {
    const bytes = machine.bytes();
    for (let y = 0, to = patches; y < made; y++) {
      for (let x = 0; x < made; x++, to += depth) {
        for (let j = 0, k = to; j < side; j++) {
          const row = y * stride + j - before;
          for (let i = 0; i < side; i++, k += planes) {
            const column = x * stride + i - before;
            const inside = row >= 0 && row < size && column >= 0 && column < size;
            const from = image.at + (row * size + column) * planes;
            for (let c = 0; c < planes; c++) bytes[k + c] = inside ? bytes[from + c] : image.zero;
          }
        }
      }
    }
    multiply(patches);
  };
}

function depthwise(machine, operation, inputs, output) {
  const [image, weights] = inputs;
  const channels = image.shape[3];
  need(operation.option(3, 1) === 1 && weights.shape[3] === channels && channels % LANES === 0, `${channels} channels`);
  const { size, made, side, stride, before, scale, sums, values } =
    convolution(operation, inputs, output, channels, [5, 6]);
  const [lo, hi] = range(operation.choice(4), output);
  const [at, bias, by] = [values, sums, scale].map((constant) => machine.place(constant));
  return () => machine.kernel.depthwise(image.at, at, bias, by, output.at,
    size, made, channels, side, stride, before, image.zero, lo, hi, output.zero);
}

/** An operation of a tensor and a constant that repeats along its last axis: a table for each value of it. */
function withConstant(machine, operation, [a, b], output, result) {
  quantized(a, b, output);
  need(b.data && operation.choice(0) === NONE, "an operation of two images");
  const constants = Array.from(new Int8Array(b.data), (value) => value - b.zero);
  need(constants.length === 1 || constants.length === a.shape.at(-1), "constants of another shape");
  const tables = constants.map((constant) => Int8Array.from({ length: 256 }, (_, i) =>
    int8(result(i + LOWEST - a.zero, constant) + output.zero)));
  const length = count(output);
  return () => {
    const bytes = machine.bytes();
    for (let start = 0; start < length; start += tables.length) {
      for (let i = 0; i < tables.length; i++) {
        bytes[output.at + start + i] = tables[i][bytes[a.at + start + i] - LOWEST];
      }
    }
  };
}

function multiplied(machine, operation, [a, b], output) {
  const scale = single(single(a.scales[0] * b.scales[0]) / output.scales[0]);
  return withConstant(machine, operation, [a, b], output, (value, by) => rounded(single(value * by * scale)));
}

function added(machine, operation, [a, b], output) {
  const scales = [a, b].map(({ scales: [scale] }) => single(scale / output.scales[0]));
  // Whole multipliers of 21 bits at most, and a shift.
  const shift = 20 - Math.floor(Math.log2(Math.max(...scales)));
  const [forA, forB] = scales.map((scale) => rounded(scale * 2 ** shift));
  return withConstant(machine, operation, [a, b], output, (value, other) =>
    Math.floor((forA * value + forB * other + 2 ** (shift - 1)) / 2 ** shift));
}

function mean(machine, operation, [image, axes], output) {
  quantized(image, output);
  need(image.shape.length === 4 && axes.data && `${new Int32Array(axes.data)}` === "1,2", "a mean of other axes");
  const channels = image.shape[3];
  const values = image.shape[1] * image.shape[2];
  const scale = single(single(image.scales[0] / output.scales[0]) / values);
  return () => {
    const bytes = machine.bytes();
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let i = 0; i < values; i++) sum += bytes[image.at + i * channels + c] - image.zero;
      bytes[output.at + c] = int8(rounded(single(sum * scale)) + output.zero);
    }
  };
}

function concatenation(machine, operation, inputs, output) {
  quantized(output, ...inputs);
  const same = ({ scales, zero }) => scales[0] === output.scales[0] && zero === output.zero;
  need(inputs.every((input) => same(input) && count(input) === input.shape.at(-1)), "a concatenation of other than vectors");
  return () => {
    let to = output.at;
    for (const input of inputs) {
      machine.bytes().copyWithin(to, input.at, input.at + count(input));
      to += count(input);
    }
  };
}

function quantize(machine, operation, [image], output) {
  need(image.type === FLOAT32, "quantized values quantized again");
  quantized(output);
  const scale = single(1 / output.scales[0]);
  return () => {
    const bytes = machine.bytes();
    machine.floats(image).forEach((value, i) => {
      bytes[output.at + i] = int8(rounded(single(value * scale)) + output.zero);
    });
  };
}

function dequantize(machine, operation, [values], output) {
  quantized(values);
  const { at, zero, scales: [scale] } = values;
  return () => {
    const bytes = machine.bytes();
    const floats = machine.floats(output);
    for (let i = 0; i < floats.length; i++) floats[i] = (bytes[at + i] - zero) * scale;
  };
}

/** By their numbers in the schema (BuiltinOperator). */
export const OPERATIONS = {
  0: added, 2: concatenation, 3: conv2d, 4: depthwise, 6: dequantize, 18: multiplied, 40: mean, 114: quantize,
};
