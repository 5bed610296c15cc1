"""The images that are sent to every contender."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import ROOT
from tests.pictures import encoded, lesion

ISIC = ROOT.parent / "shared" / "isic2018_validation" / "images"
HEIC = ROOT / "tests" / "data" / "lesion.heic"

JPEG, LARGE, PNG, HEIF = "jpeg", "jpeg-12mp", "png", "heic"
# JPEG sizes in pixels a side, for the cost by size.
SIZES = {"jpeg-300": (300, 225), JPEG: (600, 450), "jpeg-1200": (1200, 900)}
SIZES |= {"jpeg-2400": (2400, 1800), LARGE: (4000, 3000)}


def make() -> tuple[dict[str, bytes], dict[str, str]]:
    """Create the files; return a description of each by name."""
    photographs = sorted(ISIC.glob("*.jpg")) if ISIC.is_dir() else []
    source = Image.open(photographs[0]).convert("RGB") if photographs else lesion(2400, 1800)
    origin = "of the ISIC 2018 validation part" if photographs else "drawn"
    files = {name: encoded(scaled(source, *size), quality=90) for name, size in SIZES.items()}
    files[PNG] = encoded(scaled(source, 600, 450), "PNG")
    files[HEIF] = HEIC.read_bytes()
    heic_size = _heic_size(HEIC)
    described = {
        name: f"JPEG {width}×{height}, {len(files[name]) / 1000:.0f} kB, {origin}"
        for name, (width, height) in SIZES.items()
    }
    described[PNG] = f"PNG 600×450, {len(files[PNG]) / 1000:.0f} kB, {origin}"
    described[HEIF] = f"HEIC {heic_size}, {len(files[HEIF]) / 1000:.0f} kB, drawn"
    return files, described


def scaled(source: Image.Image, width: int, height: int) -> Image.Image:
    """The picture in another size, with grain as from a camera."""
    pixels = np.asarray(source.resize((width, height), Image.Resampling.BICUBIC), np.float32)
    grain = np.random.default_rng(1).normal(0, 4, (height, width, 1))
    return Image.fromarray(np.clip(pixels + grain, 0, 255).astype(np.uint8))


def form(image: bytes) -> tuple[bytes, str]:
    """A form with one image, which all contenders accept, and its media type."""
    edge = "lesionlens-bench"
    start = f'--{edge}\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
    return (
        start.encode() + image + f"\r\n--{edge}--\r\n".encode(),
        f"multipart/form-data; boundary={edge}",
    )


def _heic_size(path: Path) -> str:
    import pi_heif

    file = pi_heif.open_heif(path)
    return f"{file.size[0]}×{file.size[1]}"
