import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageCms, ImageOps
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from lesionlens.errors import (
    Problem,
    TooManyPixels,
    TooSmall,
    Truncated,
    Undecodable,
    UnsupportedType,
)
from lesionlens.imaging import colour, decode, decoder_pool, preprocess
from lesionlens.imaging.model_input import Preprocessing
from tests import python_program
from tests.dicom import DERMOSCOPIC, MARK, PHOTOGRAPHIC, photograph
from tests.lossless_jpeg import lossless_jpeg
from tests.pictures import encoded, lesion

JPEG: dict[str, Any] = {"syntax": JPEGBaseline8Bit, "photometric": "YBR_FULL_422"}


def rgb_jpeg() -> bytes:
    """A JPEG with RGB samples, declared by its Adobe marker."""
    return encoded(lesion(), quality=95, keep_rgb=True)


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


def edited(change: Callable[[Dataset], None], **options: Any) -> bytes:
    """A photograph with a modified data set."""
    file = pydicom.dcmread(io.BytesIO(photograph(**options)))
    change(file)
    buffer = io.BytesIO()
    file.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def in_rle(file: Dataset) -> None:
    file.compress(RLELossless, generate_instance_uid=False)


def deflated(file: Dataset) -> None:
    file.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian


def in_rle_of_16_bits(file: Dataset) -> None:
    of_twelve_bits(file)
    file.compress(RLELossless, generate_instance_uid=False)


def compressed(file: Dataset, data: bytes, syntax: str, photometric: str = "RGB") -> None:
    """Replace the samples by a compressed frame."""
    file.PixelData = encapsulate([data])
    file["PixelData"].VR = "OB"
    file["PixelData"].is_undefined_length = True
    file.PhotometricInterpretation = photometric
    file.file_meta.TransferSyntaxUID = UID(syntax)


def in_jpeg_2000(file: Dataset) -> None:
    data = encoded(lesion(), "JPEG2000", mct=1, no_jp2=True)
    compressed(file, data, JPEG2000Lossless, "YBR_RCT")


def in_jpeg_ls(file: Dataset) -> None:
    file.compress(JPEGLSLossless, generate_instance_uid=False)


def in_jpeg_ls_of_16_bits(file: Dataset) -> None:
    of_twelve_bits(file)
    in_jpeg_ls(file)


def in_near_lossless_jpeg_ls(file: Dataset) -> None:
    file.compress(JPEGLSNearLossless, jls_error=2, generate_instance_uid=False)


def in_lossless_jpeg(file: Dataset) -> None:
    compressed(file, lossless_jpeg(lesion()), JPEGLosslessSV1)


def in_lossless_jpeg_that_says_rgb(file: Dataset) -> None:
    compressed(file, lossless_jpeg(lesion(), adobe=True), JPEGLosslessSV1)


def in_lossless_jpeg_of_ycbcr(file: Dataset) -> None:
    data = lossless_jpeg(lesion().convert("YCbCr"))
    compressed(file, data, JPEGLosslessSV1, "YBR_FULL")


def with_halved_chroma(file: Dataset) -> None:
    """YBR_FULL_422: two luma samples, then the chroma that they share (PS3.3, C.7.6.3.1.2)."""
    luma, blue, red = (np.asarray(band) for band in lesion().convert("YCbCr").split())
    pairs = np.stack([luma[:, ::2], luma[:, 1::2], blue[:, ::2], red[:, ::2]], axis=-1)
    file.PixelData, file.PhotometricInterpretation = pairs.tobytes(), "YBR_FULL_422"


def with_palette(file: Dataset) -> None:
    indexed = lesion().quantize(16)
    palette = np.array(indexed.getpalette(), np.uint16).reshape(-1, 3) << 8
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "PALETTE COLOR"
    for name, column in zip(("Red", "Green", "Blue"), palette.T, strict=True):
        file.add_new(f"{name}PaletteColorLookupTableDescriptor", "US", [len(column), 0, 16])
        file.add_new(f"{name}PaletteColorLookupTableData", "OW", column.tobytes())
    file.PixelData = indexed.tobytes()


def of_twelve_bits(file: Dataset) -> None:
    file.BitsAllocated, file.BitsStored, file.HighBit = 16, 12, 11
    file.PixelData = (np.asarray(lesion(), np.uint16) << 4).tobytes()


def as_a_secondary_capture(file: Dataset) -> None:
    file.SOPClassUID = file.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage


@pytest.mark.parametrize(
    "change",
    [
        in_rle,
        in_rle_of_16_bits,
        deflated,
        in_jpeg_2000,
        in_jpeg_ls,
        in_jpeg_ls_of_16_bits,
        in_near_lossless_jpeg_ls,
        in_lossless_jpeg,
        in_lossless_jpeg_that_says_rgb,
        in_lossless_jpeg_of_ycbcr,
        with_halved_chroma,
        with_palette,
        of_twelve_bits,
        as_a_secondary_capture,
    ],
)
def test_other_encodings_hold_the_same_picture(change: Callable[[Dataset], None]) -> None:
    data = edited(change)
    decoded = decode.decode(data)
    assert decoded.image.size == (320, 240)
    difference = np.abs(np.asarray(decoded.image, int) - np.asarray(lesion(), int))
    assert difference.mean() < 2
    # Also in the sandbox, where nothing can be imported.
    prepared = decoder_pool.shared.prepare(data, Preprocessing(96))
    expected = preprocess.prepare(data, Preprocessing(96))
    np.testing.assert_array_equal(prepared.pixels, expected.pixels)


@pytest.mark.parametrize("options", [{}, {"syntax": JPEGBaseline8Bit}])
def test_the_lowest_value_of_monochrome1_is_white(options: dict[str, Any]) -> None:
    grey = lesion().convert("L")

    def inverted(file: Dataset) -> None:
        file.PhotometricInterpretation = "MONOCHROME1"

    negative = ImageOps.invert(grey)
    decoded = decode.decode(
        edited(inverted, picture=negative, photometric="MONOCHROME2", **options)
    )
    pixels = np.asarray(decoded.image, int)
    assert np.abs(pixels - np.asarray(grey, int)[..., None]).mean() < 2


def test_a_colour_profile_is_applied() -> None:
    profile = colour._icc(colour.CodePoints(12, 13))
    path = Dataset()
    path.ICCProfile = profile
    expected = np.asarray(colour.to_srgb(lesion(), profile), int)
    assert np.abs(expected - np.asarray(lesion(), int)).max() > 3
    kinds: tuple[dict[str, Any], ...] = ({"ICCProfile": profile}, {"OpticalPathSequence": [path]})
    for fields in kinds:
        found = np.asarray(decode.decode(photograph(**fields)).image, int)
        np.testing.assert_array_equal(found, expected)


def test_what_exif_in_a_frame_says_of_its_orientation_does_not_count() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    decoded = decode.decode(photograph(**JPEG, jpeg=encoded(lesion(), exif=exif)))
    assert decoded.image.size == (320, 240)


def test_a_jpeg_says_itself_what_its_samples_are() -> None:
    """If the header calls YCbCr samples RGB, the JPEG's own marker is right, as for libjpeg."""
    plain = encoded(lesion(), quality=95)
    stripped = plain[:2] + plain[plain.index(b"\xff\xdb") :]  # no JFIF
    decoded = decode.decode(photograph(**{**JPEG, "photometric": "RGB"}, jpeg=stripped))
    difference = np.abs(np.asarray(decoded.image, int) - np.asarray(lesion(), int))
    assert difference.mean() < 2


@pytest.mark.parametrize("options", [{}, {"syntax": JPEGBaseline8Bit}])
def test_monochrome_becomes_grey_rgb(options: dict[str, Any]) -> None:
    grey = lesion().convert("L")
    decoded = decode.decode(photograph(grey, photometric="MONOCHROME2", **options))
    pixels = np.asarray(decoded.image, int)
    assert np.abs(pixels - np.asarray(grey, int)[..., None]).mean() < 2


@pytest.mark.parametrize("bits", range(1, 8))
def test_samples_of_fewer_bits_reach_from_black_to_white(bits: int) -> None:
    most = 2**bits - 1
    samples = np.asarray(lesion().convert("L")) >> (8 - bits)
    data = photograph(
        Image.fromarray(samples), photometric="MONOCHROME2", BitsStored=bits, HighBit=bits - 1
    )
    found = np.asarray(decode.decode(data).image)
    np.testing.assert_array_equal(found[..., 0], np.round(samples * (255 / most)))


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
        f"1.2.840.10008.5.1.4.1.1.2 .CT Image Storage.; accepted are {DERMOSCOPIC} .Dermoscopic",
    ),
    "a film": (
        photograph(**JPEG).replace(JPEGBaseline8Bit.encode(), b"1.2.840.10008.1.2.4.99"),
        UnsupportedType,
        r"transfer syntax 1.2.840.10008.1.2.4.99; accepted are 1.2.840.10008",
    ),
    "a lossless JPEG of 16 bits": (
        photograph(
            lesion(64, 48),
            **JPEG,
            jpeg=lossless_jpeg(Image.fromarray(np.full((48, 64), 4000, np.uint16))),
        ),
        Undecodable,
        "samples of 16 bits; accepted are 8",
    ),
    "signed": (photograph(PixelRepresentation=1), UnsupportedType, "signed samples of 8 bits"),
    "hue": (
        photograph(PhotometricInterpretation="HSV"),
        UnsupportedType,
        "other than MONOCHROME1, .* which are accepted",
    ),
    "32 bits": (photograph(BitsAllocated=32), UnsupportedType, "samples of 32 bits"),
    "samples": (photograph(SamplesPerPixel=4), Undecodable, "contradicts itself"),
    "high bits": (photograph(BitsAllocated=16, BitsStored=12, HighBit=15), Undecodable, "lowest"),
    "no rows": (photograph(Rows=0), Undecodable, "contradicts itself"),
    "other size": (
        photograph(Rows=65535, Columns=65535, **JPEG),
        Undecodable,
        "says 65535×65535 pixels, and its JPEG 320×240",
    ),
    "too few pixels": (
        photograph(Rows=2000),
        Truncated,
        "holds 230400 bytes of pixels; a frame of 320×2000 has 1920000",
    ),
    "bomb": (photograph(Rows=65535, Columns=65535), TooManyPixels, "at most 50 .* of a DICOM"),
    "small": (photograph(lesion(31, 200)), TooSmall, "31×200 pixels; at least 32"),
    "preamble alone": (b"\0" * 128 + b"DICM", Truncated, "ends too early"),
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
    done = python_program.run(script)
    assert done.returncode == 0, done.stderr


def test_nesting_ends_in_a_refusal() -> None:
    """30,000 nested sequences of undefined length before the pixels."""
    whole = photograph()
    start = whole.index(b"\x08\x00\x16\x00UI")
    sequence = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    with pytest.raises(Undecodable, match="damaged"):
        decode.decode(whole[:start] + sequence * 30_000 + whole[start:])
