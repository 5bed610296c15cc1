"""From the bytes of a file of any format to an upright picture in sRGB."""

import importlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import Undecodable
from . import colour, dicom, exif, file_kinds, formats, jpeg, sizes, tiff
from .colour import CodePoints
from .model_input import FIRST_PICTURE, Caution

# Pixels that the shorter side of a picture keeps, at least, when it is shrunk while decoding.
FULL_SIDE = 1024
# Modules that Pillow imports on demand.
_LAZY = ("PIL.MpoImagePlugin", "PIL.ImageMode", "encodings.utf_16", "encodings.latin_1")


@dataclass(frozen=True)
class Decoded:
    """An upright picture: RGB in sRGB, without transparency.

    ``image`` is shrunk by 2, 4 or 8 if its shorter side keeps `FULL_SIDE` pixels. ``width`` and
    ``height`` are those of the full picture, upright.
    """

    image: Image.Image
    width: int
    height: int
    warnings: tuple[Caution, ...]


def decode(data: bytes, modest: bool = False) -> Decoded:
    """Decode a file of an accepted format, for training, evaluation and serving alike.

    The picture is turned upright, converted to sRGB by its embedded profile, blended with white
    where it is transparent, and shrunk as `Decoded` says. ``modest``: raise `sizes.NeedsMore`,
    before anything is decoded, for a picture that needs much memory.

    For trusted files only; `decoder_pool` does the same in processes with limits.
    Raises UnsupportedType, Undecodable, Truncated, TooSmall, TooManyPixels.
    """
    file = formats.open_file(data, modest)
    image = file.image
    width, height = image.size
    sizes.check(width, height, _name(image), modest and not jpeg.is_modest(image))
    try:
        several = file.several or getattr(image, "is_animated", False)
        if jpeg.shrinks(image):
            image.draft("RGB", (FULL_SIDE, FULL_SIDE))
        image.load()
        picture = _over_white(_reduced(_eight_bits(image)), file.profile)
    except formats.DAMAGE as error:
        raise formats.damaged(error, data) from None
    orientation = exif.orientation(file.exif)
    if orientation in exif.UPRIGHT:
        picture = picture.transpose(exif.UPRIGHT[orientation])
    if orientation in exif.TURNED:
        width, height = height, width
    return Decoded(picture, width, height, (FIRST_PICTURE,) if several else ())


def _name(image: Image.Image) -> str:
    """The name of the format as in `sizes.MAX_PIXELS`."""
    return jpeg.name(image) or image.format or file_kinds.DICOM


def warm(file_kind: str) -> None:
    """Import what decoding a kind of file (`file_kinds`) needs, before the sandbox is entered."""
    Image.preinit()
    for module in _LAZY:
        importlib.import_module(module)
    buffer = io.BytesIO()
    Image.new("P", (sizes.MIN_SIDE, sizes.MIN_SIDE)).save(buffer, "TIFF")
    decode(buffer.getvalue())
    colour.to_srgb(Image.new("RGB", (1, 1)), CodePoints(12, 13))
    if file_kind == file_kinds.HEIF:
        formats.register_heif()
    elif file_kind == file_kinds.DICOM:
        dicom.warm()


def _eight_bits(image: Image.Image) -> Image.Image:
    """Convert to a mode with 8 bits per sample: L, LA, RGB, RGBA, CMYK or LAB.

    Samples of 16 bits are scaled; Pillow would clip them at 255. Raises Undecodable for samples of
    32 bits.
    """
    if image.mode == "I":
        raise Undecodable("The image holds values of 32 bits; accepted are 8 and 16 bits.")
    if image.mode.startswith("I;"):
        samples = np.asarray(image)
        bits = tiff.bits(image)
        if tiff.is_inverted(image):
            samples = 2**bits - 1 - samples
        grey = Image.fromarray((samples >> (bits - 8)).astype(np.uint8))
        key = image.info.get("transparency")
        if key is None:
            return grey
        alpha = Image.fromarray(np.where(samples == key, 0, 255).astype(np.uint8))
        return Image.merge("LA", (grey, alpha))
    if image.has_transparency_data:
        # A transparent colour must become an alpha channel before pixels are averaged.
        mode = "LA" if image.mode in ("1", "L", "LA") else "RGBA"
    elif image.mode in ("CMYK", "LAB"):
        return image
    else:
        mode = "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _reduced(image: Image.Image) -> Image.Image:
    """Shrink by 2, 4 or 8, as JPEGs are shrunk while they are decoded; keep `FULL_SIDE` pixels."""
    most = min(image.size) // FULL_SIDE
    factor = max(factor for factor in (1, 2, 4, 8) if factor <= max(most, 1))
    return image.reduce(factor) if factor > 1 else image


def _over_white(image: Image.Image, profile: bytes | CodePoints | None) -> Image.Image:
    """Convert to RGB in sRGB, blended with white where the picture is transparent."""
    if image.mode not in ("LA", "RGBA"):
        return colour.to_srgb(image, profile)
    alpha = image.getchannel("A")
    opaque = colour.to_srgb(image.convert("L" if image.mode == "LA" else "RGB"), profile)
    white = Image.new("RGB", image.size, "white")
    white.paste(opaque, mask=alpha)
    return white
