import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from PIL import ImageCms
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
)

from lesionlens.errors import (
    Problem,
    TooSmall,
    Truncated,
    Undecodable,
    UnsupportedType,
)
from lesionlens.imaging import decode, dicom
from tests.conftest import ROOT
from tests.dicom import DERMOSCOPIC, MARK, PHOTOGRAPHIC, photograph
from tests.pictures import encoded, lesion

JPEG = {"syntax": JPEGBaseline8Bit, "photometric": "YBR_FULL_422"}


def rgb_jpeg() -> bytes:
    """A JPEG whose samples are RGB, with nothing in it that says so: DICOM's header does."""
    plain = encoded(lesion(), quality=95, keep_rgb=True)
    start = plain.index(b"\xff\xee")
    length = int.from_bytes(plain[start + 2 : start + 4]) + 2
    stripped = bytearray(plain[:start] + plain[start + length :])
    # Components 1, 2 and 3 in place of R, G and B, in the frame's header and in the scan's.
    frame, scan = stripped.index(b"\xff\xc0") + 10, stripped.index(b"\xff\xda") + 5
    for number in range(3):
        stripped[frame + 3 * number] = stripped[scan + 2 * number] = number + 1
    return bytes(stripped)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"planar": 1},
        {"photometric": "YBR_FULL"},
        {"photometric": "YBR_FULL", "planar": 1},
        {"syntax": ImplicitVRLittleEndian},
        {"sop_class": PHOTOGRAPHIC},
        JPEG,
        {**JPEG, "photometric": "YBR_FULL"},
        {**JPEG, "photometric": "RGB", "jpeg": rgb_jpeg()},
        {**JPEG, "sop_class": PHOTOGRAPHIC},
    ],
    ids=lambda options: "-".join(map(str, options.values()))[:60] or "rgb",
)
def test_every_accepted_kind_decodes_to_the_same_picture(options: dict[str, Any]) -> None:
    decoded = decode.decode(photograph(**options))
    assert (decoded.width, decoded.height, decoded.image.mode) == (320, 240, "RGB")
    assert decoded.warnings == ()
    difference = np.abs(np.asarray(decoded.image, int) - np.asarray(lesion(), int))
    assert difference.mean() < 2


@pytest.mark.parametrize("options", [{}, {"syntax": JPEGBaseline8Bit}])
def test_monochrome_becomes_grey_rgb(options: dict[str, Any]) -> None:
    grey = lesion().convert("L")
    decoded = decode.decode(photograph(grey, photometric="MONOCHROME2", **options))
    pixels = np.asarray(decoded.image, int)
    assert np.abs(pixels - np.asarray(grey, int)[..., None]).mean() < 2


@pytest.mark.parametrize("options", [{}, {"planar": 1}, JPEG])
def test_the_first_of_several_frames_is_used_and_said(options: dict[str, Any]) -> None:
    decoded = decode.decode(photograph(frames=3, **options))
    assert [warning.code for warning in decoded.warnings] == ["first-picture"]
    assert np.abs(np.asarray(decoded.image, int) - np.asarray(lesion(), int)).mean() < 2


def test_a_large_jpeg_is_decoded_smaller() -> None:
    decoded = decode.decode(photograph(lesion(4000, 3000), **JPEG))
    assert (decoded.width, decoded.height) == (4000, 3000)
    assert decoded.image.size == (2000, 1500)


def test_a_nested_colour_profile_before_the_pixels_is_skipped() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = photograph(OpticalPathSequence=[], ICCProfile=profile)
    assert decode.decode(data).width == 320


BAD: dict[str, tuple[bytes, type[Problem], str]] = {
    "computed tomography": (
        photograph(sop_class="1.2.840.10008.5.1.4.1.1.2"),
        UnsupportedType,
        f"SOP class 1.2.840.10008.5.1.4.1.1.2; accepted are {DERMOSCOPIC} [(]Dermoscopic",
    ),
    "JPEG 2000": (
        photograph(**{**JPEG, "jpeg": b"\0\0"}).replace(
            JPEGBaseline8Bit.encode(), JPEG2000.encode()
        ),
        UnsupportedType,
        "transfer syntax 1.2.840.10008.1.2.4.91; accepted are 1.2.840.10008.1.2, ",
    ),
    "big endian": (
        photograph().replace(
            b"\x14\x001.2.840.10008.1.2.1\0",
            b"\x14\x00" + ExplicitVRBigEndian.encode() + b"\0",
        ),
        UnsupportedType,
        "transfer syntax 1.2.840.10008.1.2.2",
    ),
    "deflated": (
        photograph().replace(
            b"\x14\x001.2.840.10008.1.2.1\0",
            b"\x16\x00" + DeflatedExplicitVRLittleEndian.encode(),
        ),
        UnsupportedType,
        "transfer syntax 1.2.840.10008.1.2.1.99",
    ),
    "palette": (
        photograph(PhotometricInterpretation="PALETTE COLOR"),
        UnsupportedType,
        "other than MONOCHROME2, RGB, YBR_FULL, which",
    ),
    "12 bits": (
        photograph(BitsAllocated=16, BitsStored=12),
        UnsupportedType,
        "samples of 16 bits [(]12 used[)]; unsigned ones of 8 are accepted",
    ),
    "samples": (photograph(SamplesPerPixel=4), Undecodable, "contradicts itself"),
    "no rows": (photograph(Rows=0), Undecodable, "contradicts itself"),
    "other size": (
        photograph(Rows=65535, Columns=65535, **JPEG),
        Undecodable,
        "says 65535×65535 pixels, and its JPEG 320×240",
    ),
    "too few pixels": (
        photograph(Rows=65535, Columns=65535),
        Truncated,
        "holds 230400 bytes of pixels; a frame of 65535×65535 has 12884508675",
    ),
    "small": (photograph(lesion(31, 200)), TooSmall, "31×200 pixels; at least 32"),
    "preamble alone": (b"\0" * 128 + b"DICM", Undecodable, "damaged"),
    "cut in the header": (photograph()[:600], Truncated, "ends too early"),
    "cut in a jpeg": (photograph(**JPEG)[:-3000], Truncated, "ends too early"),
    "not a jpeg": (photograph(**JPEG, jpeg=b"<svg/>"), Undecodable, "damaged"),
    "no fragments": (
        photograph(sop_class=DERMOSCOPIC).replace(
            b"\x14\x001.2.840.10008.1.2.1\0",
            b"\x16\x00" + JPEGBaseline8Bit.encode(),
        ),
        Undecodable,
        "not cut into fragments",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_with_a_reason(name: str) -> None:
    data, error, message = BAD[name]
    with pytest.raises(error, match=message) as raised:
        decode.decode(data)
    assert MARK not in str(raised.value)


def test_pydicom_is_imported_when_a_dicom_arrives() -> None:
    script = (
        "import sys; from lesionlens.imaging import decode; from pathlib import Path\n"
        "decode.decode(Path('../infra/smoke.jpg').read_bytes())\n"
        "assert 'pydicom' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT / "function", check=True)


def test_nesting_ends_in_a_refusal() -> None:
    """An undefined length in an undefined length and so on, 30,000 times, before the pixels."""
    whole = photograph()
    start = whole.index(b"\x08\x00\x16\x00UI")
    sequence = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    with pytest.raises(Undecodable, match="damaged"):
        dicom.open_first(whole[:start] + sequence * 30_000 + whole[start:])
