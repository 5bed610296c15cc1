/**
 * A picture file's metadata, and the file without it.
 *
 * Browsers apply orientation and colour profile each in their own way (Firefox converts to the profile of
 * the screen). They are given files without either, and both are applied here, by the rule of
 * function/lesionlens/imaging/decode.py.
 */

import { Elsewhere } from "./elsewhere.js";
import { exact } from "./png.js";
import { tags } from "./tags.js";

const EXIF = "Exif\0\0", ICC = "ICC_PROFILE\0", SEVERAL = "MPF\0";
const ORIENTATION = 0x0112, PICTURES = 0xb001;
const PNG = "\x89PNG\r\n\x1a\n";

/**
 * @typedef {object} Picture
 * @property {Blob} blob          the file without orientation and profile
 * @property {number} orientation 1 to 8, as EXIF counts
 * @property {Uint8Array | null} profile  ICC
 * @property {boolean} several    whether it holds further pictures
 * @property {object} [samples]   of a PNG that `decoded` of png.js reads exactly, what it takes
 * @property {Blob} [compressed]  the same PNG's samples
 */

/** @param {Uint8Array} bytes @returns {Promise<Picture>} @throws {Elsewhere} for files that only the server reads */
export async function open(bytes) {
  if (starts(bytes, "\xff\xd8")) return jpeg(bytes);
  if (starts(bytes, PNG)) return png(bytes);
  if (starts(bytes, "RIFF") && starts(bytes.subarray(8), "WEBP")) return webp(bytes);
  throw new Elsewhere("format");
}

const text = (bytes, at, length) => String.fromCharCode(...bytes.subarray(at, at + length));
const starts = (bytes, words) => text(bytes, 0, words.length) === words;
const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function picture(parts, type, exif, profile, several) {
  const orientation = exif ? tags(exif).get(ORIENTATION) : 1;
  // In one piece: Firefox tells the format by the first piece alone.
  return { blob: new Blob([joined(parts)], { type }), profile, several, orientation: orientation >= 1 && orientation <= 8 ? orientation : 1 };
}

function jpeg(bytes) {
  const view = viewOf(bytes);
  const parts = [bytes.subarray(0, 2)];
  const profile = [];
  let exif = null, several = false, components = 0, at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) throw new Elsewhere("format", "no marker where one belongs");
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const end = at + 2 + view.getUint16(at + 2);
    const body = bytes.subarray(at + 4, end);
    // Start of frame: baseline, extended, progressive; the others are lossless or arithmetic.
    if ([0xc0, 0xc1, 0xc2].includes(marker)) {
      if (body[0] !== 8) throw new Elsewhere("format", `${body[0]} bits a sample`);
      components = body[5];
    }
    if (marker === 0xda) break;
    if (marker === 0xe1 && starts(body, EXIF)) exif ??= body.subarray(EXIF.length);
    else if (marker === 0xe2 && starts(body, ICC)) profile.push(body);
    else if (marker === 0xe2 && starts(body, SEVERAL)) several = tags(body.subarray(SEVERAL.length)).get(PICTURES) > 1;
    else if (marker !== 0xe1 && marker !== 0xe2) parts.push(bytes.subarray(at, end));
    at = end;
  }
  if (!components) throw new Elsewhere("format", "no frame that browsers know");
  parts.push(bytes.subarray(at));
  // A profile of four inks is a table of thousands of colours.
  if (components === 4 && profile.length) throw new Elsewhere("colours");
  // The pieces of a profile each begin with their number.
  profile.sort((a, b) => a[ICC.length] - b[ICC.length]);
  const icc = profile.length ? joined(profile.map((piece) => piece.subarray(ICC.length + 2))) : null;
  return picture(parts, "image/jpeg", exif, icc, several);
}

function joined(pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

const CRITICAL = ["IHDR", "PLTE", "IDAT", "IEND", "tRNS"];
const CONVERTED = { primaries: [5, 6, 7, 9, 11, 12], transfer: [4, 5, 8, 16, 17, 18] }; // ITU-T H.273

async function png(bytes) {
  const view = viewOf(bytes);
  const parts = [bytes.subarray(0, PNG.length)];
  const [said, data] = [new Map(), []];
  let samples = null;
  for (let at = PNG.length; at + 12 <= bytes.length;) {
    const end = at + 12 + view.getUint32(at);
    const kind = text(bytes, at + 4, 4);
    const body = bytes.subarray(at + 8, end - 4);
    const sound = end <= bytes.length && crc32(bytes.subarray(at + 4, end - 4)) === view.getUint32(end - 4);
    if (kind === "IHDR" && body.length === 13) samples = exact(viewOf(body));
    // A key is a colour of 16 bits, of which only eight are kept here.
    if (kind === "tRNS" && samples) throw new Elsewhere("colours", "a transparent colour of 16 bits");
    if (kind === "IDAT") {
      if (samples && !sound) throw new Elsewhere("format", "a damaged chunk");
      data.push(body);
    }
    if (CRITICAL.includes(kind)) {
      if (kind !== "tRNS" || sound) parts.push(bytes.subarray(at, end));
    } else if (sound && !said.has(kind)) said.set(kind, body);
    at = end;
  }
  const points = said.get("cICP");
  if (points?.length === 4) {
    if (CONVERTED.primaries.includes(points[0]) || CONVERTED.transfer.includes(points[1])) throw new Elsewhere("colours");
    said.delete("iCCP");
  }
  const frames = said.has("acTL") ? viewOf(said.get("acTL")).getUint32(0) : 1;
  const profile = said.has("iCCP") ? await inflated(said.get("iCCP")) : null;
  return { ...picture(parts, "image/png", said.get("eXIf"), profile, frames > 1), samples, compressed: new Blob(data) };
}

/** The profile of an iCCP chunk: a name, a zero, the method, then zlib. */
async function inflated(chunk) {
  const compressed = chunk.subarray(chunk.indexOf(0) + 2);
  try {
    const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    return null; // damaged, which browsers and the server ignore alike
  }
}

const TABLE = Uint32Array.from({ length: 256 }, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes) {
  let sum = ~0;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

const ALPHA = 0x10; // in the flags of VP8X, and in the fifth byte of VP8L

/** RIFF: pieces of even length. Without VP8X nothing beside the pixels is there. */
function webp(bytes) {
  const view = viewOf(bytes);
  const parts = [];
  let exif = null, profile = null;
  for (let at = 12; at + 8 <= bytes.length;) {
    const length = view.getUint32(at + 4, true);
    const end = at + 8 + length + (length & 1);
    const kind = text(bytes, at, 4);
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (kind === "ANIM") throw new Elsewhere("format", "an animation");
    if (kind === "EXIF") exif = starts(body, EXIF) ? body.subarray(EXIF.length) : body;
    else if (kind === "ICCP") profile = body;
    // Browsers round the colours of transparent WebP, each in its own way.
    else if (kind === "ALPH" || (kind === "VP8L" && body[4] & ALPHA)) throw new Elsewhere("colours", "transparency");
    else if (["VP8 ", "VP8L"].includes(kind)) parts.push(bytes.subarray(at, end));
    at = end;
  }
  const head = bytes.slice(0, 12);
  viewOf(head).setUint32(4, 4 + parts.reduce((sum, { length }) => sum + length, 0), true);
  return picture([head, ...parts], "image/webp", exif, profile, false);
}
