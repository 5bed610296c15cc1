/*
 * The two operations of an int8 MobileNet that take all of the time, for WebAssembly with SIMD.
 *
 * Sums are whole numbers, so their order does not matter; they are brought to int8 as XNNPACK does
 * it ("fp32" requantization: float32 product, rounded to the nearest even), so that every value is
 * LiteRT's, bit for bit. plain.js is the same without SIMD. `make kernel` builds kernel.wasm.
 */
#include <stdint.h>
#include <wasm_simd128.h>

#define EXPORT(name) __attribute__((export_name(#name)))

/* Sums to int8 values, still as four int32: lo..hi after the zero point is added. */
static inline v128_t requantized(v128_t sums, v128_t scale, v128_t lo, v128_t hi, v128_t zero) {
  v128_t scaled = wasm_f32x4_nearest(wasm_f32x4_mul(wasm_f32x4_convert_i32x4(sums), scale));
  v128_t whole = wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(scaled), zero);
  return wasm_i32x4_max(wasm_i32x4_min(whole, hi), lo);
}

/* The sum of each of four vectors, as one vector. */
static inline v128_t sums_of(v128_t a, v128_t b, v128_t c, v128_t d) {
  v128_t ab = wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 4, 1, 5), wasm_i32x4_shuffle(a, b, 2, 6, 3, 7));
  v128_t cd = wasm_i32x4_add(wasm_i32x4_shuffle(c, d, 0, 4, 1, 5), wasm_i32x4_shuffle(c, d, 2, 6, 3, 7));
  return wasm_i32x4_add(wasm_i64x2_shuffle(ab, cd, 0, 2), wasm_i64x2_shuffle(ab, cd, 1, 3));
}

/*
 * out[r][c] = requantized(bias[c] + sum over k of a[r][k] * w[c][k]) for `rows` and `columns`.
 * `depth` is a multiple of 8; w, bias and scale are padded to a multiple of 4 columns.
 */
EXPORT(multiply)
void multiply(const int8_t *a, const int8_t *w, const int32_t *bias, const float *scale, int8_t *out,
              int rows, int depth, int columns, int lo, int hi, int zero) {
  v128_t low = wasm_i32x4_splat(lo), high = wasm_i32x4_splat(hi), z = wasm_i32x4_splat(zero);
  for (int r = 0; r < rows; r += 2) {
    int two = r + 1 < rows;
    const int8_t *first = a + r * depth, *second = two ? first + depth : first;
    for (int c = 0; c < columns; c += 4) {
      v128_t s[8];
      for (int i = 0; i < 8; i++) s[i] = wasm_i32x4_splat(0);
      const int8_t *weights = w + c * depth;
      for (int k = 0; k < depth; k += 8) {
        v128_t x = wasm_i16x8_load8x8(first + k), y = wasm_i16x8_load8x8(second + k);
        for (int i = 0; i < 4; i++) {
          v128_t by = wasm_i16x8_load8x8(weights + i * depth + k);
          s[i] = wasm_i32x4_add(s[i], wasm_i32x4_dot_i16x8(x, by));
          s[4 + i] = wasm_i32x4_add(s[4 + i], wasm_i32x4_dot_i16x8(y, by));
        }
      }
      v128_t b = wasm_v128_load(bias + c), q = wasm_v128_load(scale + c);
      for (int i = 0; i <= two; i++) {
        v128_t sums = sums_of(s[4 * i], s[4 * i + 1], s[4 * i + 2], s[4 * i + 3]);
        v128_t made = requantized(wasm_i32x4_add(b, sums), q, low, high, z);
        int8_t *to = out + (r + i) * columns + c;
        int left = columns - c;
        to[0] = wasm_i32x4_extract_lane(made, 0);
        if (left > 1) to[1] = wasm_i32x4_extract_lane(made, 1);
        if (left > 2) to[2] = wasm_i32x4_extract_lane(made, 2);
        if (left > 3) to[3] = wasm_i32x4_extract_lane(made, 3);
      }
    }
  }
}

/*
 * A convolution of each channel by itself: in is (size, size, channels), w (side, side, channels), out
 * (made, made, channels). `before`: rows and columns of padding at the start. `channels` is a multiple
 * of 8; zero_in is the zero point of the input.
 */
EXPORT(depthwise)
void depthwise(const int8_t *in, const int8_t *w, const int32_t *bias, const float *scale, int8_t *out,
               int size, int made, int channels, int side, int stride, int before, int zero_in, int lo,
               int hi, int zero) {
  v128_t low = wasm_i32x4_splat(lo), high = wasm_i32x4_splat(hi), z = wasm_i32x4_splat(zero);
  v128_t middle = wasm_i16x8_splat(zero_in);
  for (int y = 0; y < made; y++)
    for (int x = 0; x < made; x++)
      for (int c = 0; c < channels; c += 8) {
        v128_t s = wasm_v128_load(bias + c), t = wasm_v128_load(bias + c + 4);
        for (int j = 0; j < side; j++) {
          int row = y * stride + j - before;
          if (row < 0 || row >= size) continue;
          for (int i = 0; i < side; i++) {
            int column = x * stride + i - before;
            if (column < 0 || column >= size) continue;
            v128_t value = wasm_i16x8_load8x8(in + (row * size + column) * channels + c);
            v128_t weight = wasm_i16x8_load8x8(w + (j * side + i) * channels + c);
            value = wasm_i16x8_sub(value, middle);
            s = wasm_i32x4_add(s, wasm_i32x4_extmul_low_i16x8(value, weight));
            t = wasm_i32x4_add(t, wasm_i32x4_extmul_high_i16x8(value, weight));
          }
        }
        s = requantized(s, wasm_v128_load(scale + c), low, high, z);
        t = requantized(t, wasm_v128_load(scale + c + 4), low, high, z);
        v128_t narrow = wasm_i16x8_narrow_i32x4(s, t);
        wasm_v128_store64_lane(out + (y * made + x) * channels + c, wasm_i8x16_narrow_i16x8(narrow, narrow), 0);
      }
}
