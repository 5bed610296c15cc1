/** Arrays of float32 from a file of `numpy.savez`: an uncompressed zip of .npy files. */

const END = 0x06054b50, ENTRY = 0x02014b50;

/** @param {ArrayBuffer} file @returns {Map<string, {shape: number[], values: Float32Array}>} @throws {RangeError} when damaged */
export function arrays(file) {
  const view = new DataView(file);
  let end = file.byteLength - 22;
  while (view.getUint32(end, true) !== END) end -= 1;
  const found = new Map();
  let at = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    const size = view.getUint32(at + 24, true);
    const [name, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    if (view.getUint32(at, true) !== ENTRY || view.getUint16(at + 10, true) !== 0) throw new RangeError("not an uncompressed zip");
    const local = view.getUint32(at + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    found.set(text(file, at + 46, name).replace(/\.npy$/, ""), array(file.slice(start, start + size)));
    at += 46 + name + extra + comment;
  }
  return found;
}

const text = (file, at, length) => String.fromCharCode(...new Uint8Array(file, at, length));

/** A .npy file of version 1.0 (numpy.lib.format). */
function array(file) {
  const length = new DataView(file).getUint16(8, true);
  const head = /'descr': '<f4', 'fortran_order': False, 'shape': \(([\d, ]*)\)/.exec(text(file, 10, length));
  if (!head) throw new RangeError("not an array of float32 in rows");
  const shape = head[1].split(",").filter((part) => part.trim()).map(Number);
  return { shape, values: new Float32Array(file.slice(10 + length)) };
}
