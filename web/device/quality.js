/** Sharpness, brightness and size against the release's limits; as function/lesionlens/imaging/image_quality.py. */

const LUMA = [0.299, 0.587, 0.114]; // ITU-R BT.601

/** @param {Uint8Array} pixels (size, size, 3) RGB @param {number} side the picture's shorter one, pixels */
export function measures(pixels, size, side) {
  const luma = Float32Array.from({ length: size * size }, (_, i) =>
    LUMA[0] * pixels[3 * i] + LUMA[1] * pixels[3 * i + 1] + LUMA[2] * pixels[3 * i + 2]);
  let sum = 0, squares = 0;
  for (let y = 1; y < size - 1; y++) {
    for (let x = 1, i = y * size + 1; x < size - 1; x++, i++) {
      const edge = luma[i - size] + luma[i + size] + luma[i - 1] + luma[i + 1] - 4 * luma[i];
      sum += edge;
      squares += edge * edge;
    }
  }
  const count = (size - 2) ** 2;
  const brightness = luma.reduce((a, b) => a + b, 0) / luma.length;
  return { sharpness: Math.sqrt(squares / count - (sum / count) ** 2), darkest: brightness, brightest: brightness, side };
}

/** Names of the limits that are exceeded. */
export function exceeded(measured, limits) {
  const found = Object.entries(limits).filter(([name, limit]) =>
    (name === "brightest" ? measured[name] > limit : measured[name] < limit)).map(([name]) => name);
  // What is dark, bright or small looks blurred as well; taking it in focus would not help.
  return found.length === 1 ? found : found.filter((name) => name !== "sharpness");
}
