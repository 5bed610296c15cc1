/** The operations of kernel.c in plain JavaScript, for browsers without WebAssembly SIMD. */

const PAGE = 65536; // bytes, as WebAssembly counts them
const HALF = 1.5 * 2 ** 52; // added and taken away, it rounds to the nearest even
const single = Math.fround;

/** What `WebAssembly.Instance` exports, as far as the interpreter uses it. */
export function plain() {
  const memory = {
    buffer: new ArrayBuffer(PAGE),
    grow(pages) {
      const larger = new Uint8Array(memory.buffer.byteLength + pages * PAGE);
      larger.set(new Uint8Array(memory.buffer));
      memory.buffer = larger.buffer;
    },
  };

  function requantized(sum, scale, lo, hi, zero) {
    const whole = single(single(sum) * scale) + HALF - HALF + zero;
    return whole < lo ? lo : whole > hi ? hi : whole;
  }

  function multiply(a, w, bias, scale, out, rows, depth, columns, lo, hi, zero) {
    const [bytes, sums, scales] = views(bias, scale, columns);
    for (let c = 0; c < columns; c++) {
      const weights = bytes.subarray(w + c * depth, w + (c + 1) * depth);
      for (let r = 0; r < rows; r++) {
        const from = a + r * depth;
        let sum = 0;
        for (let k = 0; k < depth; k++) sum = (sum + bytes[from + k] * weights[k]) | 0;
        bytes[out + r * columns + c] = requantized(sums[c] + sum, scales[c], lo, hi, zero);
      }
    }
  }

  function depthwise(from, w, bias, scale, out, size, made, channels, side, stride, before, zeroIn, lo, hi, zero) {
    const [bytes, start, scales] = views(bias, scale, channels);
    const sums = new Int32Array(channels);
    for (let y = 0, to = out; y < made; y++) {
      for (let x = 0; x < made; x++, to += channels) {
        sums.set(start);
        for (let j = 0; j < side; j++) {
          const row = y * stride + j - before;
          if (row < 0 || row >= size) continue;
          for (let i = 0; i < side; i++) {
            const column = x * stride + i - before;
            if (column < 0 || column >= size) continue;
            const value = from + (row * size + column) * channels;
            const weight = w + (j * side + i) * channels;
            for (let c = 0; c < channels; c++) sums[c] += (bytes[value + c] - zeroIn) * bytes[weight + c];
          }
        }
        for (let c = 0; c < channels; c++) bytes[to + c] = requantized(sums[c], scales[c], lo, hi, zero);
      }
    }
  }

  const views = (bias, scale, count) => [
    new Int8Array(memory.buffer), new Int32Array(memory.buffer, bias, count), new Float32Array(memory.buffer, scale, count)];

  return { memory, multiply, depthwise, __heap_base: { value: 0 } };
}
