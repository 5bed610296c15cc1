/** The model's input square over the picture, moved by dragging or with three sliders. */

import { make } from "./dom.js";
import { text } from "./text.js";

const SMALLEST = 224; // pixels of the file: the model's own input is not larger

/** The largest centred square, the model's input by default. @param {import("./picture.js").Picture} picture */
export function middle({ width, height }) {
  const side = Math.min(width, height);
  return { x: (width - side) / 2, y: (height - side) / 2, side };
}

/**
 * @param {import("./picture.js").Picture} picture
 * @param {import("./picture.js").Square | undefined} before a square chosen earlier
 * @param {(square: import("./picture.js").Square, moved: boolean) => void} changed
 * @returns {HTMLElement[]}
 */
export function crop(picture, before, changed) {
  const { width, height, address, scale } = picture;
  const shorter = Math.min(width, height);
  const least = Math.min(shorter, Math.ceil(SMALLEST * Math.min(1, scale)));
  const central = middle(picture);
  let square = before ?? central;

  const frame = make("span", { class: "ll-crop__square" });
  const image = make("img", { id: "preview-image", src: address, alt: text("upload.preview"), width, height, draggable: "false" });
  const box = make("div", { class: "ll-crop" }, image, frame);
  const slider = (key, low, high, moved) => {
    const input = make("input", { type: "range", id: `crop-${key}`, min: low, max: high, step: 1, input: () => moved(Number(input.value)) });
    return input;
  };
  const across = slider("across", 0, 1000, (value) => put({ x: value / 1000 * (width - square.side) }));
  const down = slider("down", 0, 1000, (value) => put({ y: value / 1000 * (height - square.side) }));
  const size = slider("size", least, shorter, (side) => put({
    side, x: square.x + (square.side - side) / 2, y: square.y + (square.side - side) / 2 }));

  /** Clamp the square to the picture, draw it and report it. */
  function put(part) {
    square = { ...square, ...part };
    square.x = Math.max(0, Math.min(square.x, width - square.side));
    square.y = Math.max(0, Math.min(square.y, height - square.side));
    frame.style.setProperty("left", `${100 * square.x / width}%`);
    frame.style.setProperty("top", `${100 * square.y / height}%`);
    frame.style.setProperty("width", `${100 * square.side / width}%`);
    frame.style.setProperty("height", `${100 * square.side / height}%`);
    across.disabled = width - square.side < 1;
    down.disabled = height - square.side < 1;
    across.value = across.disabled ? 500 : 1000 * square.x / (width - square.side);
    down.value = down.disabled ? 500 : 1000 * square.y / (height - square.side);
    size.value = square.side;
    const same = Object.keys(central).every((key) => Math.abs(central[key] - square[key]) < 1);
    changed(square, !same);
  }

  box.addEventListener("pointerdown", (event) => {
    const { x, y } = square;
    const [left, top] = [event.clientX, event.clientY];
    const pixels = width / box.clientWidth;
    const move = (to) => put({ x: x + (to.clientX - left) * pixels, y: y + (to.clientY - top) * pixels });
    const end = () => box.removeEventListener("pointermove", move);
    box.setPointerCapture(event.pointerId);
    box.addEventListener("pointermove", move);
    box.addEventListener("pointerup", end, { once: true });
    box.addEventListener("pointercancel", end, { once: true });
  });
  put({});
  const labelled = (key, input) => [make("label", { for: input.id }, text(`crop.${key}`)), input];
  return [
    make("h3", {}, text("crop.title")), box, make("p", { class: "ll-small" }, text("crop.text")),
    make("details", { class: "ll-crop-sliders" }, make("summary", {}, text("crop.adjust")),
      labelled("across", across), labelled("down", down), labelled("size", size))];
}
