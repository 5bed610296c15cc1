"""Profiles on the device: the page's conversion against the function's, pixel for pixel."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lesionlens.imaging import colour
from tests.web import device_pictures
from tests.web.visitor import WEB

SCRIPT = """
import { readFileSync } from "node:fs";
import { conversion } from "./colour.js";
const pixels = new Uint8Array(readFileSync("pixels"));
conversion(new Uint8Array(readFileSync("profile")))?.(pixels);
process.stdout.write(pixels);
"""


def _converted(folder: Path, pixels: np.ndarray, profile: bytes) -> np.ndarray:
    for name in ("colour.js", "container.js", "tags.js"):
        (folder / name).write_text((WEB / "device" / name).read_text())
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "script.js").write_text(SCRIPT)
    (folder / "pixels").write_bytes(pixels.tobytes())
    (folder / "profile").write_bytes(profile)
    command = ["node", "script.js"]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=True, timeout=120)
    return np.frombuffer(done.stdout, np.uint8).reshape(pixels.shape)


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
    assert np.array_equal(_converted(tmp_path, pixels, profile), expected)
    assert np.array_equal(expected, pixels) == (name in ("sRGB", "damaged"))
