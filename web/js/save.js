/** The visitor's own copy of a result: as JSON, or as an image to show to a doctor. */

import { level } from "./advice.js";
import { byId, make } from "./dom.js";
import { date, lesion, percent, text } from "./text.js";
import { caveats, support, together, warned } from "./words.js";

const WIDTH = 1080; // pixels
const EDGE = 60;
const FONT = "system-ui, 'Noto Sans Devanagari', 'Nirmala UI', sans-serif";
const INK = "#1d2a2d";
const QUIET = "#55656a";
const ACCENT = "#0f6361";
const WARM = "#96350f";
const TRACK = "#e6e1d8";

function download(blob, name) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  // The browser has taken the blob when the click returns; some take it a moment later.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export function saveJson(result) {
  const words = JSON.stringify(result, null, 2);
  download(new Blob([words], { type: "application/json" }), `lesionlens-${result.request_id}.json`);
}

export async function saveImage(result, picture) {
  const photo = await loaded(picture.address);
  const heat = document.querySelector(".ll-stack__heat");
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  // Drawn twice: the first time, on nothing, measures the height.
  canvas.height = draw(canvas.getContext("2d"), result, photo, heat);
  draw(canvas.getContext("2d"), result, photo, heat);
  canvas.toBlob((blob) => download(blob, `lesionlens-${result.request_id}.png`), "image/png");
}

async function loaded(address) {
  if (!address) return null;
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

/** Draw everything from the top, and leave out nothing that the page says. @returns {number} the height used */
function draw(pen, result, photo, heat) {
  const wide = WIDTH - 2 * EDGE;
  let y = EDGE;
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, WIDTH, pen.canvas.height);
  pen.textBaseline = "top";

  const write = (words, size, { bold = false, colour = INK } = {}) => {
    pen.font = `${bold ? "bold " : ""}${size}px ${FONT}`;
    pen.fillStyle = colour;
    for (const line of lines(pen, words, wide)) {
      pen.fillText(line, EDGE, y);
      y += size * 1.4;
    }
    y += size * 0.4;
  };

  write(`LesionLens · ${date(new Date())}`, 30, { bold: true, colour: ACCENT });
  const { prediction, malignancy, probabilities, input: { warnings } } = result;
  if (warnings.length) write(text("result.warnings"), 30, { bold: true, colour: WARM });
  for (const warning of warnings) write(`• ${warned(warning)}`, 26, { colour: WARM });
  if (photo) {
    const tall = Math.min(700, wide * photo.height / photo.width);
    const across = tall * photo.width / photo.height;
    pen.drawImage(photo, EDGE, y, across, tall);
    if (heat) {
      pen.globalAlpha = Number(byId("strength").value) / 100;
      pen.drawImage(heat, EDGE, y, across, tall);
      pen.globalAlpha = 1;
      frame(pen, result.explanation.region, EDGE, y, across, tall);
    }
    y += tall + 40;
    // The page's own words on its heat map.
    for (const words of document.querySelectorAll(".ll-heatmap figcaption :is(h3, p)")) {
      write(words.textContent, 22, { colour: QUIET });
    }
  }
  if (prediction) {
    const { label, name, probability } = prediction;
    write(text("result.likely"), 26, { colour: QUIET });
    write(lesion(label, name), 44, { bold: true });
    if (lesion(label, name) !== name) write(text("result.formal", { name }), 22, { colour: QUIET });
    write(text("result.probability", { percent: percent(probability) }), 30);
  } else {
    write(text("result.unknown"), 44, { bold: true });
    write(text("result.unknownText"), 26);
  }
  if (malignancy) write(together(malignancy), 26);
  const found = level(result);
  write(`${text("result.next")}: ${text(`level.${found}`)}`, 30, { bold: true });
  write(text(`level.${found}Text`), 26);
  write(text("level.doubt"), 30);
  y += 10;
  if (prediction) write(text("result.all"), 26, { bold: true });
  for (const { label, name, probability, malignant } of prediction ? probabilities : []) {
    const tag = malignant ? ` (${text("result.malignant")})` : "";
    write(`${percent(probability)}  ${lesion(label, name)}${tag}`, 26);
    pen.fillStyle = TRACK;
    pen.fillRect(EDGE, y - 10, wide, 10);
    pen.fillStyle = ACCENT;
    pen.fillRect(EDGE, y - 10, wide * probability, 10);
    y += 16;
  }
  y += 10;
  for (const words of [...caveats(result), text("page.notice")]) write(words, 26, { bold: true });
  if (!byId("unreviewed").hidden) write(text("page.unreviewed"), 22, { colour: QUIET });
  write(support(result), 22, { colour: QUIET });
  return Math.ceil(y + EDGE / 2);
}

/** The square that the model saw: dark, dashed in white, so that it shows on any skin. */
function frame(pen, region, left, top, wide, tall) {
  const square = [left + region.x * wide, top + region.y * tall, region.width * wide, region.height * tall];
  pen.lineWidth = 2;
  for (const [colour, dashes] of [["#000", []], ["#fff", [8, 8]]]) {
    pen.strokeStyle = colour;
    pen.setLineDash(dashes);
    pen.strokeRect(...square);
  }
}

/** Break words into lines that fit. */
function lines(pen, words, wide) {
  const broken = [""];
  for (const word of words.split(" ")) {
    const longer = `${broken.at(-1)} ${word}`.trim();
    if (pen.measureText(longer).width <= wide) broken[broken.length - 1] = longer;
    else broken.push(word);
  }
  return broken;
}
