/** Where the model looked; as function/lesionlens/model/cam.py. */

const LARGEST = 512; // pixels of the picture's longer side
const OPACITY = 0.75;
// Eleven stops of matplotlib's "inferno" (CC0), dark to light.
const INFERNO = [
  [0, 0, 4], [22, 11, 57], [66, 10, 104], [106, 23, 110], [147, 38, 103], [188, 55, 84],
  [221, 81, 58], [243, 120, 25], [252, 165, 10], [246, 215, 70], [252, 255, 164]];
const CHANNELS = [0, 1, 2].map((channel) => INFERNO.map((stop) => stop[channel]));

/**
 * @param {Float32Array} maps (cells, cells, classes)
 * @returns {Promise<object>} the explanation as in the service's OpenAPI document
 */
export async function explanation(label, classes, maps, width, height) {
  const cells = Math.sqrt(maps.length / classes.length);
  const index = classes.indexOf(label);
  const positive = Array.from({ length: cells * cells }, (_, i) => Math.max(0, maps[i * classes.length + index]));
  const peak = Math.max(...positive) || 1;
  const grid = Array.from({ length: cells }, (_, y) =>
    positive.slice(y * cells, (y + 1) * cells).map((value) => value / peak));
  const side = Math.min(width, height);
  return {
    label, method: "class-activation-map",
    grid: grid.map((row) => row.map((value) => Math.round(1000 * value) / 1000)),
    region: { x: (width - side) / 2 / width, y: (height - side) / 2 / height, width: side / width, height: side / height },
    overlay_png: await overlay(grid, width, height),
  };
}

/** A value between those at the centres of the cells, along one axis. */
function between(values, place) {
  const at = Math.max(0, Math.min(values.length - 1, place));
  const low = Math.floor(at);
  return values[low] + (at - low) * (values[Math.min(low + 1, values.length - 1)] - values[low]);
}

async function overlay(grid, width, height) {
  const scale = Math.min(1, LARGEST / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  const side = Math.min(canvas.width, canvas.height);
  const image = new ImageData(side, side);
  const place = (i) => (i + 0.5) * grid.length / side - 0.5;
  for (let y = 0, p = 0; y < side; y++) {
    const row = grid[0].map((_, x) => between(grid.map((cells) => cells[x]), place(y)));
    for (let x = 0; x < side; x++, p += 4) {
      const heat = between(row, place(x));
      for (let c = 0; c < 3; c++) {
        image.data[p + c] = Math.round(between(CHANNELS[c], heat * (INFERNO.length - 1)));
      }
      image.data[p + 3] = Math.round(255 * OPACITY * heat);
    }
  }
  canvas.getContext("2d").putImageData(image, Math.floor((canvas.width - side) / 2), Math.floor((canvas.height - side) / 2));
  const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
  let characters = "";
  for (let at = 0; at < bytes.length; at += 8192) characters += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(characters);
}
