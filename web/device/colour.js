/**
 * From the colours of an ICC profile to sRGB, for profiles of a matrix and curves: those of cameras,
 * phones and screens (Display P3, Adobe RGB). Source: ICC.1:2022, sections 10.6, 10.18 and F.3.
 */

import { Elsewhere } from "./elsewhere.js";

const SAME = 2; // a profile that differs from sRGB by no more levels counts as sRGB
// Linear light is quantized to this many steps, as Little CMS does for 8 bits (OptimizeMatrixShaper),
// because its rounding shows in the server's pixels.
const FINE = 16384;
// From XYZ under D50 to linear sRGB: the inverse of the sRGB profile's own matrix.
const TO_SRGB = [
  [3.1341864, -1.617209, -0.4906941], [-0.9787485, 1.9161301, 0.0334334], [0.0719639, -0.2289939, 1.4057537]];
const ENCODED = Uint8Array.from({ length: FINE + 1 }, (_, step) => {
  const light = step / FINE;
  return Math.round(255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055));
});
const stepped = (light) => Math.floor(light * FINE + 0.5);
const encoded = (sum) => {
  const step = (sum + FINE / 2) >> 14;
  return ENCODED[step < 0 ? 0 : step > FINE ? FINE : step];
};

/**
 * The conversion that a profile asks for.
 * @param {Uint8Array} profile
 * @returns {((pixels: Uint8Array) => void) | null} changes (…, 3) RGB in place; null: nothing to convert
 * @throws {Elsewhere} for profiles of tables, which only the server applies
 */
export function conversion(profile) {
  const read = parsed(profile);
  if (!read) return null;
  const { curves, columns } = read;
  const matrix = TO_SRGB.map((row) => [0, 1, 2].map((c) => stepped(row.reduce((sum, value, i) => sum + value * columns[c][i], 0))));
  const convert = (pixels) => {
    for (let i = 0; i < pixels.length; i += 3) {
      const [r, g, b] = [curves[0][pixels[i]], curves[1][pixels[i + 1]], curves[2][pixels[i + 2]]];
      for (let c = 0; c < 3; c++) {
        pixels[i + c] = encoded(matrix[c][0] * r + matrix[c][1] * g + matrix[c][2] * b);
      }
    }
  };
  return isIdentity(convert) ? null : convert;
}

function isIdentity(convert) {
  const levels = Array.from({ length: 9 }, (_, i) => Math.round(i * 255 / 8));
  const grid = levels.flatMap((r) => levels.flatMap((g) => levels.flatMap((b) => [r, g, b])));
  const sample = Uint8Array.from(grid);
  convert(sample);
  return sample.every((value, i) => Math.abs(value - grid[i]) <= SAME);
}

/** Tables of 256 linear values, in steps, and columns of XYZ, by channel; null for a profile that is damaged. */
function parsed(profile) {
  const view = new DataView(profile.buffer, profile.byteOffset, profile.byteLength);
  const word = (at) => String.fromCharCode(...profile.subarray(at, at + 4));
  try {
    const space = word(16);
    if (word(36) !== "acsp") return null;
    // The pixels of other spaces are not what browsers give.
    if (space !== "RGB ") throw new Elsewhere("colours", `a profile of ${space}`);
    const places = new Map();
    for (let i = 0, at = 132; i < view.getUint32(128); i++, at += 12) places.set(word(at), view.getUint32(at + 4));
    if (["A2B0", "D2B0"].some((tag) => places.has(tag)) || word(20) !== "XYZ ") throw new Elsewhere("colours", "a profile of tables");
    const fixed = (at) => view.getInt32(at) / 65536;
    const channels = ["r", "g", "b"];
    if (!channels.every((name) => places.has(`${name}XYZ`) && places.has(`${name}TRC`))) return null;
    return {
      columns: channels.map((name) => [8, 12, 16].map((offset) => fixed(places.get(`${name}XYZ`) + offset))),
      curves: channels.map((name) => {
        const curve = curveAt(view, places.get(`${name}TRC`), word, fixed);
        return Int32Array.from({ length: 256 }, (_, value) => stepped(curve(value / 255)));
      }),
    };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

/** A curve from [0, 1] to linear light. */
function curveAt(view, at, word, fixed) {
  if (word(at) === "curv") {
    const count = view.getUint32(at + 8);
    if (count === 0) return (x) => x;
    if (count === 1) return (x) => x ** (view.getUint16(at + 12) / 256);
    const entry = (i) => view.getUint16(at + 12 + 2 * i) / 65535;
    return (x) => {
      const place = x * (count - 1);
      const low = Math.min(Math.floor(place), count - 2);
      return entry(low) + (place - low) * (entry(low + 1) - entry(low));
    };
  }
  if (word(at) !== "para") throw new RangeError("no curve");
  const kind = view.getUint16(at + 8);
  const number = (i) => fixed(at + 12 + 4 * i);
  const g = number(0);
  if (kind === 0) return (x) => x ** g;
  const [a, b] = [number(1), number(2)];
  if (kind === 1) return (x) => (x >= -b / a ? (a * x + b) ** g : 0);
  const c = number(3);
  if (kind === 2) return (x) => (x >= -b / a ? (a * x + b) ** g + c : c);
  const d = number(4);
  if (kind === 3) return (x) => (x >= d ? (a * x + b) ** g : c * x);
  if (kind === 4) return (x) => (x >= d ? (a * x + b) ** g + number(5) : c * x + number(6));
  throw new RangeError("no curve");
}
