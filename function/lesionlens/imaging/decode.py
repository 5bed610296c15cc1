"""From bytes to an upright picture in sRGB, whatever the file: the one rule."""

import importlib
import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ..errors import Undecodable
from . import colour, dicom, exif, file_kinds, formats, jpeg, sizes, tiff
from .colour import CodePoints
from .model_input import FIRST_PICTURE, Caution

# A picture is shrunk while it is decoded only as long as its shorter side stays at so many pixels.
FULL_SIDE = 1024
# What Pillow imports on the way.
_LAZY = ("PIL.MpoImagePlugin", "PIL.ImageMode", "encodings.utf_16", "encodings.latin_1")


@dataclass(frozen=True)
class Decoded:
    """An upright picture in sRGB; ``width`` and ``height`` are the file's own, once upright.

    ``image`` is the file's picture, shrunk by 2, 4 or 8 as long as its shorter side stays at
    `FULL_SIDE` or more.
    """

    image: Image.Image
    width: int
    height: int
    warnings: tuple[Caution, ...]


def decode(data: bytes, modest: bool = False) -> Decoded:
    """Decode a file of an accepted format: the one rule of training, evaluation and serving.

    The picture is upright, converted to sRGB by its embedded profile, over white where it is
    transparent, and shrunk as `Decoded` says. ``modest``: raise NeedsMore, before anything is
    decoded, for a picture that takes much memory.

    This is for files that are trusted; `decoders` does the same within limits.
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
    """The format in the words of `sizes.MAX_PIXELS`."""
    return jpeg.name(image) or image.format or dicom.NAME


def warm(file_kind: str) -> None:
    """Import all that decoding a kind of file (`file_kinds`) needs, while files can be opened."""
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
    """Bring the pixels to L, LA, RGB, RGBA, CMYK or LAB, 8 bits a sample.

    Samples of 16 bits are scaled; Pillow would clip them at 255.
    """
    if image.mode in ("F", "I"):
        found = "floating-point values" if image.mode == "F" else "values of 32 bits"
        raise Undecodable(f"The image holds {found}; whole numbers of 8 or 16 bits are accepted.")
    if image.mode.startswith("I;"):
        samples = np.asarray(image)
        if tiff.is_inverted(image):
            samples = 65535 - samples
        grey = Image.fromarray((samples >> 8).astype(np.uint8))
        key = image.info.get("transparency")
        if key is None:
            return grey
        alpha = Image.fromarray(np.where(samples == key, 0, 255).astype(np.uint8))
        return Image.merge("LA", (grey, alpha))
    if image.has_transparency_data:
        # A transparent colour must become transparency before pixels are averaged.
        mode = "LA" if image.mode in ("1", "L", "LA") else "RGBA"
    elif image.mode in ("CMYK", "LAB"):
        return image
    else:
        mode = "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _reduced(image: Image.Image) -> Image.Image:
    """Shrink as a JPEG is shrunk while it is decoded, where it was not: by 2, 4 or 8."""
    most = min(image.size) // FULL_SIDE
    factor = max(factor for factor in (1, 2, 4, 8) if factor <= max(most, 1))
    return image.reduce(factor) if factor > 1 else image


def _over_white(image: Image.Image, profile: bytes | CodePoints | None) -> Image.Image:
    """Convert to RGB in sRGB; transparent pixels show white."""
    if image.mode not in ("LA", "RGBA"):
        return colour.to_srgb(image, profile)
    alpha = image.getchannel("A")
    opaque = colour.to_srgb(image.convert("L" if image.mode == "LA" else "RGB"), profile)
    white = Image.new("RGB", image.size, "white")
    white.paste(opaque, mask=alpha)
    return white
