import io
import random
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from lesionlens.errors import (
    ImageProblem,
    TooManyPixels,
    TooSmall,
    Truncated,
    Undecodable,
    UnsupportedType,
)
from lesionlens.imaging import decode, png
from tests import python_program
from tests.conftest import ROOT
from tests.lossless_jpeg import lossless_jpeg
from tests.pictures import JPEG, LESION, SKIN, dermatoscopic, encoded, lesion, multi_scan_jpeg

HEIC = (ROOT / "tests" / "data" / "lesion.heic").read_bytes()


def colours(decoded: decode.Decoded) -> tuple[np.ndarray, np.ndarray]:
    """Colours of a corner and of the lower right quarter of the disc."""
    pixels = np.asarray(decoded.image, np.int64)
    height, width, _ = pixels.shape
    return pixels[2, 2], pixels[height * 5 // 9, width * 5 // 9]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF"])
def test_every_accepted_format_decodes_to_the_same_picture(file_format: str) -> None:
    decoded = decode.decode(encoded(lesion(), file_format))
    corner, centre = colours(decoded)
    assert (decoded.width, decoded.height, decoded.image.mode) == (320, 240, "RGB")
    assert np.abs(corner - SKIN).max() < 12
    assert np.abs(centre - LESION).max() < 12
    assert decoded.warnings == ()


@pytest.mark.parametrize(
    ("mode", "file_format"),
    [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("P", "PNG"), ("RGBA", "PNG"), ("RGBA", "WEBP")],
)
def test_other_modes_keep_their_colours(mode: str, file_format: str) -> None:
    picture = lesion().quantize(16) if mode == "P" else lesion().convert(mode)
    corner, centre = colours(decode.decode(encoded(picture, file_format)))
    assert np.abs(corner - SKIN).max() < 16
    assert np.abs(centre - LESION).max() < 16


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_grey_becomes_grey_rgb(mode: str) -> None:
    pixels = np.asarray(decode.decode(encoded(lesion().convert(mode), "PNG")).image)
    assert pixels.shape == (240, 320, 3)
    assert (pixels[..., 0] == pixels[..., 2]).all()


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bits_are_scaled_not_clipped(file_format: str) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    pixels = np.asarray(decode.decode(encoded(Image.fromarray(ramp), file_format)).image)
    assert np.abs(pixels[..., 0].astype(int) - ramp // 257).max() <= 1


def test_an_iphones_heic_is_decoded() -> None:
    decoded = decode.decode(HEIC)
    corner, centre = colours(decoded)
    assert (decoded.width, decoded.height, decoded.image.mode) == (320, 240, "RGB")
    assert np.abs(corner - SKIN).max() < 12
    assert np.abs(centre - LESION).max() < 12
    with pytest.raises(ImageProblem):
        decode.decode(HEIC[: len(HEIC) // 2])


@pytest.mark.parametrize("kind", [b"IDAT", b"teXt", b"eXIf"])
def test_a_png_of_countless_chunks_takes_little_beside_its_bytes(kind: bytes) -> None:
    sound = encoded(dermatoscopic(), "PNG")
    chunk = struct.pack(">I4sI", 0, kind, zlib.crc32(kind))
    data = sound[:33] + chunk * 50_000 + sound[33:]
    tracemalloc.start()
    parts = png.read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert parts.data == sound
    assert peak < 2 * len(data)


def test_compressed_text_in_a_png_is_not_decompressed() -> None:
    info = PngImagePlugin.PngInfo()
    for number in range(4):
        info.add_itxt(f"key{number}", "x" * 1_000_000, zip=True)
    data = encoded(lesion(), "PNG", pnginfo=info)
    assert len(data) < 20_000
    assert decode.decode(data).width == 320


def indexed() -> Image.Image:
    picture = Image.new("P", (64, 64), 3)
    picture.putpalette([value for index in range(8) for value in (index, 200, 30)])
    return picture


TRANSPARENT: dict[str, tuple[Image.Image, dict[str, Any]]] = {
    "alpha": (Image.new("RGBA", (64, 64), (255, 0, 0, 0)), {}),
    "grey and alpha": (Image.new("LA", (64, 64), (9, 0)), {}),
    "a colour": (Image.new("RGB", (64, 64), (10, 20, 30)), {"transparency": (10, 20, 30)}),
    "a grey": (Image.new("L", (64, 64), 7), {"transparency": 7}),
    "a grey of 16 bits": (
        Image.fromarray(np.full((64, 64), 0x1234, np.uint16)),
        {"transparency": 0x1234},
    ),
    "an index": (indexed(), {"transparency": 3}),
    "an index among several": (indexed(), {"transparency": b"\0\x80\xff\0"}),
}


@pytest.mark.parametrize("name", TRANSPARENT)
def test_transparency_becomes_white(name: str) -> None:
    picture, options = TRANSPARENT[name]
    data = encoded(picture, "PNG", **options)
    assert decode.decode(data).image.getpixel((5, 5)) == (255, 255, 255)


def test_a_colour_key_is_applied_before_shrinking() -> None:
    """The same picture with a colour key and with alpha, large enough to be shrunk."""
    pixels = np.full((2100, 2100, 3), (0, 0, 250), np.uint8)
    pixels[::3] = (120, 60, 40)
    keyed = Image.fromarray(pixels)
    alpha = Image.fromarray(np.where((pixels == (0, 0, 250)).all(-1), 0, 255).astype(np.uint8))
    with_alpha = keyed.copy()
    with_alpha.putalpha(alpha)
    first = decode.decode(encoded(keyed, "PNG", transparency=(0, 0, 250))).image
    second = decode.decode(encoded(with_alpha, "PNG")).image
    assert np.abs(np.asarray(first, int) - np.asarray(second, int)).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_respected(orientation: int) -> None:
    upright = lesion(320, 240)
    stored = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    turned = upright.transpose(stored[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    decoded = decode.decode(encoded(turned, exif=exif, quality=95))
    assert (decoded.width, decoded.height) == (320, 240)
    difference = np.abs(np.asarray(decoded.image, int) - np.asarray(upright, int))
    assert difference.mean() < 3


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "TIFF", "PNG"])
def test_first_picture_of_several_is_used_and_said(file_format: str) -> None:
    black = Image.new("RGB", (320, 240))
    data = encoded(lesion(), file_format, save_all=True, append_images=[black])
    decoded = decode.decode(data)
    assert [warning.code for warning in decoded.warnings] == ["first-picture"]
    assert np.abs(colours(decoded)[0] - SKIN).max() < 16


@pytest.mark.parametrize(
    ("size", "shrunk"),
    [
        ((600, 450), (600, 450)),
        ((2047, 2047), (2047, 2047)),
        ((2800, 2048), (1400, 1024)),
        ((4100, 4097), (1025, 1025)),
    ],
)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
def test_the_shorter_side_stays_at_1024_pixels(
    size: tuple[int, int], shrunk: tuple[int, int], file_format: str
) -> None:
    decoded = decode.decode(encoded(lesion(*size), file_format))
    assert (decoded.width, decoded.height) == size
    assert decoded.image.size == shrunk


@pytest.mark.parametrize(("side", "within"), [(450, 0), (1024, 0), (2100, 6)])
def test_a_jpeg_and_the_png_of_its_pixels_are_one_picture(side: int, within: int) -> None:
    jpeg = encoded(dermatoscopic(side * 4 // 3, side), quality=85)
    png = encoded(Image.open(io.BytesIO(jpeg)), "PNG")
    first, second = (np.asarray(decode.decode(data).image, int) for data in (jpeg, png))
    assert np.abs(first - second).max() <= within


BAD = {
    "no image": (b"\x00" * 500, Undecodable, "not an image that can be read; accepted are JPEG"),
    "text": (b"hello", Undecodable, "not an image"),
    "pdf": (b"%PDF-1.7 ...", UnsupportedType, "a PDF document; accepted are JPEG, PNG"),
    "html": (b"\n<!doctype html><html>", UnsupportedType, "an HTML page"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UnsupportedType, "an SVG drawing"),
    "svg with prolog": (b"<?xml version='1.0'?><svg/>", UnsupportedType, "an XML document"),
    "jpeg 2000": (encoded(lesion(), "JPEG2000"), UnsupportedType, "a JPEG 2000 image; accepted"),
    "jpeg 2000 stream": (b"\xff\x4f\xff\x51" * 9, UnsupportedType, "a JPEG 2000 image"),
    "jpeg xl": (b"\0\0\0\x0cJXL \r\n\x87\n", UnsupportedType, "a JPEG XL image"),
    "photoshop": (b"8BPS\0\1", UnsupportedType, "a Photoshop document"),
    "raw photograph": (b"FUJIFILMCCD-RAW 0201", UnsupportedType, "a raw photograph; accepted"),
    "video": (b"\0\0\0\x14ftypqt  \0\0\0\0", UnsupportedType, "a video; accepted are"),
    "tiff of its first bytes": (b"II*\0\x08\0\0\0", Undecodable, "The TIFF file is damaged or of"),
    "zip": (b"PK\x03\x04....", UnsupportedType, "a ZIP archive"),
    "truncated jpeg": (JPEG[: len(JPEG) // 2], Truncated, "ends too early"),
    "jpeg of its first bytes": (JPEG[:20], Undecodable, "damaged|not an image"),
    "truncated png": (encoded(lesion(), "PNG")[:400], ImageProblem, "damaged|too early"),
    "small": (encoded(lesion(31, 200), "PNG"), TooSmall, "31×200 pixels; at least 32 a side"),
    "bomb": (
        encoded(Image.new("1", (20_000, 20_000)), "PNG"),
        TooManyPixels,
        "20000×20000 pixels, 400 megapixels; at most 50 .* of a PNG. Send it smaller, or as a base",
    ),
}


def test_without_the_plugin_for_heic_other_files_are_looked_at() -> None:
    script = "from lesionlens.imaging import decode; decode.decode(b'text' * 100)"
    done = python_program.run(script)
    assert "errors.Undecodable" in done.stderr


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_refused_with_a_reason(name: str) -> None:
    data, error, message = BAD[name]
    with pytest.raises(error, match=message):
        decode.decode(data)


@pytest.mark.parametrize(
    "file_format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "HEIC"]
)
def test_mutated_files_decode_or_raise_a_problem(file_format: str) -> None:
    source = random.Random(file_format)
    original = HEIC if file_format == "HEIC" else encoded(lesion(64, 48), file_format)
    for _ in range(300):
        data = bytearray(original)
        for _ in range(source.randint(1, 12)):
            data[source.randrange(len(data))] = source.randrange(256)
        try:
            decoded = decode.decode(bytes(data[: source.randint(20, len(data) * 2)]))
        except (ImageProblem, UnsupportedType):
            continue
        assert decoded.image.mode == "RGB"


def test_unusual_formats_are_not_decoded() -> None:
    buffer = io.BytesIO()
    lesion().save(buffer, "PPM")
    with pytest.raises(Undecodable):
        decode.decode(buffer.getvalue())


@pytest.mark.parametrize("file_format", ["GIF", "TIFF", "PNG", "WEBP"])
def test_several_pictures_cut_anywhere_decode_or_raise_a_problem(file_format: str) -> None:
    black = Image.new("RGB", (64, 48))
    data = encoded(lesion(64, 48), file_format, save_all=True, append_images=[black])
    for end in range(1, len(data), 1 + len(data) // 600):
        try:
            assert decode.decode(data[:end]).image.mode == "RGB"
        except (ImageProblem, UnsupportedType):
            continue


def test_a_lossless_jpeg_is_decoded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such files are not shrunk while decoding."""
    monkeypatch.setattr(decode, "FULL_SIDE", 64)
    decoded = decode.decode(lossless_jpeg(lesion(160, 128), adobe=True))
    np.testing.assert_array_equal(decoded.image, lesion(160, 128).reduce(2))


def test_a_jpeg_of_12_bits_is_named() -> None:
    frame = JPEG.index(b"\xff\xc0")
    with pytest.raises(Undecodable, match="samples of 12 bits; accepted are 8"):
        decode.decode(JPEG[: frame + 4] + b"\x0c" + JPEG[frame + 5 :])


def test_a_jpeg_with_a_second_picture_is_a_jpeg() -> None:
    """Telephones store previews and depth maps in such files (MPO), of any size."""
    large = lesion(3000, 2000)
    data = encoded(large, "MPO", save_all=True, append_images=[lesion(64, 48)])
    decoded = decode.decode(data, modest=True)
    assert [caution.code for caution in decoded.warnings] == ["first-picture"]
    assert decoded.image.size == (3000, 2000)


def test_a_multi_scan_jpeg_counts_as_one_that_is_decoded_whole() -> None:
    assert decode.decode(multi_scan_jpeg(320, 240)).width == 320
    with pytest.raises(TooManyPixels, match="at most 80 are accepted of a multi-scan JPEG"):
        decode.decode(multi_scan_jpeg(9000, 9000))


def test_a_progressive_photograph_is_decoded() -> None:
    assert decode.decode(encoded(lesion(), progressive=True)).width == 320


def test_exif_that_cannot_be_written_again_turns_the_image_all_the_same() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x011A] = 1.5  # a resolution, whose divisor is then set to 0
    data = encoded(lesion(60, 40), exif=exif)
    spoilt = data.replace(struct.pack(">II", 3, 2), struct.pack(">iI", -1, 0))
    assert spoilt != data
    assert decode.decode(spoilt).image.size == (40, 60)
