"""Colours and resampling on the device equal the function's, pixel for pixel."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lesionlens.imaging import colour
from lesionlens.imaging.model_input import Preprocessing
from lesionlens.imaging.preprocess import frame
from tests.web import device_pictures
from tests.web.visitor import WEB

CONVERT = """
import { readFileSync } from "node:fs";
import { conversion } from "./colour.js";
const pixels = new Uint8Array(readFileSync("pixels"));
conversion(new Uint8Array(readFileSync("profile")))?.(pixels);
process.stdout.write(pixels);
"""
FIT = """
import { readFileSync } from "node:fs";
import { fit } from "./resample.js";
const data = new Uint8Array(readFileSync("pixels"));
for (const [width, height, size] of JSON.parse(readFileSync("sizes"))) {
  process.stdout.write(fit({ data: data.subarray(0, 3 * width * height), width, height }, size));
}
"""


def _made(folder: Path, script: str, **files: bytes) -> np.ndarray:
    """Run a script on files, with the page's modules; return its output."""
    modules = shutil.copytree(WEB / "device", folder / "device")
    (modules / "package.json").write_text('{"type": "module"}')
    (modules / "script.js").write_text(script)
    for name, data in files.items():
        (modules / name).write_bytes(data)
    command = ["node", "script.js"]
    done = subprocess.run(command, cwd=modules, stdout=subprocess.PIPE, check=True, timeout=120)
    return np.frombuffer(done.stdout, np.uint8)


PROFILES: dict[str, Callable[[], bytes]] = {
    "Display P3": device_pictures.display_p3,
    "Adobe RGB": device_pictures.adobe_rgb,
    "sRGB": device_pictures.srgb,
    "damaged": lambda: device_pictures.display_p3()[:200],
}


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_are_applied_as_the_function_does(tmp_path: Path, name: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3)).astype(np.uint8)
    profile = PROFILES[name]()
    expected = np.asarray(colour.to_srgb(Image.fromarray(pixels), profile))
    found = _made(tmp_path, CONVERT, pixels=pixels.tobytes(), profile=profile)
    assert np.array_equal(found.reshape(pixels.shape), expected)
    assert np.array_equal(expected, pixels) == (name in ("sRGB", "damaged"))


# Landscape and portrait, larger and smaller than the input, with half pixels at the edges; on both
# sides of the ratio at which the order of the two passes changes.
SIDES = (60, 150, 191, 192, 200, 223, 224, 225, 261, 262, 263, 300, 311, 312, 313, 400, 451, 600)
SIZES = [
    (width, height, size) for width in SIDES[::2] for height in SIDES[1::2] for size in (192, 224)
]


def test_pictures_are_resampled_as_pillow_does(tmp_path: Path) -> None:
    most = max(width * height for width, height, _ in SIZES)
    pixels = np.random.default_rng(1).integers(0, 256, 3 * most).astype(np.uint8)
    sizes = json.dumps(SIZES).encode()
    found = _made(tmp_path, FIT, pixels=pixels.tobytes(), sizes=sizes)
    at, differing = 0, []
    for width, height, size in SIZES:
        image = Image.fromarray(pixels[: 3 * width * height].reshape(height, width, 3))
        expected = frame(image, size, size, Preprocessing(size)).ravel()
        if not np.array_equal(found[at : at + expected.size], expected):
            differing.append((width, height, size))
        at += expected.size
    assert at == found.size
    assert differing == []
