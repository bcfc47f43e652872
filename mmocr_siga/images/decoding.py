"""The one way from the bytes of a picture file to uint8 BGR."""
from __future__ import annotations

import contextlib
import io
import struct
from functools import lru_cache

import cv2
import numpy as np

from .pictures import MAX_PIXELS, UnusableImageError, check_size, from_pil, to_bgr_uint8

# PIL's names, in the order in which they are tried: none starts another program (as EPS does) or
# draws (as SVG and PDF do). TGA, which begins with no mark of its own, is last.
FORMATS = ('JPEG', 'PNG', 'GIF', 'BMP', 'DIB', 'TIFF', 'WEBP', 'AVIF', 'JPEG2000', 'PPM', 'TGA')
# Their decoders take 12 to 20 bytes a pixel, the others up to 8.
_HUNGRY = ('WEBP', 'JPEG2000')
_NO_PICTURE = f'it is no picture, or in none of the formats that are read ({", ".join(FORMATS)})'


def decode_picture(data: bytes) -> np.ndarray:
    """Decode the content of a picture file to uint8 BGR (H, W, 3).

    It is turned upright as its EXIF tells; what is transparent is laid over a plain ground, as by
    :func:`to_bgr_uint8`; of several frames or pages it is the first. All that is told by the
    content, whatever the file is called.

    Raises:
        UnusableImageError: If it is empty, damaged, cut off, larger than
            :data:`~mmocr_siga.images.MAX_PIXELS`, in none of :data:`FORMATS`, or no picture.
    """
    if not data:
        raise UnusableImageError('the file is empty')
    try:
        size = _plain_size(data)
        if size is not None:
            check_size(*size)
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            if image is not None:
                return image
        return _by_pil(data)
    except UnusableImageError:
        raise
    except Exception as error:  # decoders raise whatever they like
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise UnusableImageError(f'the picture is damaged, or of an unknown kind ({reason})'
                                 ) from error


def _plain_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG file or of an opaque PNG file with 8 bits, that is not cut off.

    OpenCV decodes them to the same pixels as PIL, in a third of the time. It fills with gray what
    is missing at the end.
    """
    half = len(data) // 2
    if b'tiff:Orientation' in data:  # in XMP, which OpenCV does not read
        return None
    if data.startswith(b'\x89PNG') and data[12:16] == b'IHDR' and b'IEND' in data[half:]:
        width, height, depth, color = struct.unpack('>IIBB', data[16:26])
        plain = depth == 8 and color in (0, 2)
        # A transparent color, a frame of an animation, EXIF.
        other = any(chunk in data for chunk in (b'tRNS', b'acTL', b'eXIf'))
        return (width, height) if plain and not other else None
    if data.startswith(b'\xff\xd8\xff') and b'\xff\xd9' in data[half:]:
        return _jpeg_size(data)
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG file of one or three channels of 8 bits."""
    place = 2
    while data[place:place + 1] == b'\xff' and place + 10 <= len(data):
        marker, length = struct.unpack('>BH', data[place + 1:place + 4])
        if 0xc0 <= marker <= 0xcf and marker not in (0xc4, 0xc8, 0xcc):
            depth, height, width, channels = struct.unpack('>BHHB', data[place + 4:place + 10])
            return (width, height) if depth == 8 and channels in (1, 3) else None
        place += 2 + length
    return None


def _by_pil(data: bytes) -> np.ndarray:
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise UnusableImageError('only JPEG, and PNG with 8 bits and without transparency, are '
                                 'read where Pillow is missing: pip install pillow') from None
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as image:
            check_size(*image.size, MAX_PIXELS // (4 if image.format in _HUNGRY else 1))
            bitmap = _bitmap_with_alpha(data) if image.format in ('BMP', 'DIB') else None
            if bitmap is not None:
                return bitmap
            image.load()
            with contextlib.suppress(Exception):  # damaged EXIF is no reason to lose the picture
                ImageOps.exif_transpose(image, in_place=True)
            return from_pil(image)
    except Image.DecompressionBombError as error:
        raise UnusableImageError(f'it is larger than the limit ({error})') from error
    except Image.UnidentifiedImageError as error:
        image = _float_tiff(data) if data[:4] in (b'II*\0', b'MM\0*') else None
        if image is None:
            raise UnusableImageError(_NO_PICTURE) from error
        return image


@lru_cache(maxsize=1)
def _formats() -> list[str]:
    """Those of the formats that the PIL installed has; AVIF came with 11.3."""
    from PIL import Image
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def _bitmap_with_alpha(data: bytes) -> np.ndarray | None:
    """A BMP file of 32 bits a pixel; None where the fourth byte, which its writer may have left
    alone, tells nothing."""
    start = data.startswith(b'BM') and 14
    size, width, height, _, depth, packing = struct.unpack_from('<IiiHHI', data, start)
    if size < 40 or depth != 32 or packing != 0:
        return None
    offset = struct.unpack_from('<I', data, 10)[0] if start else size
    values = np.frombuffer(data, np.uint8, abs(height) * width * 4, offset)
    values = values.reshape(abs(height), width, 4)[::-1 if height > 0 else 1]
    alpha = values[..., 3]
    return to_bgr_uint8(values) if alpha.any() and not (alpha == 255).all() else None


def _float_tiff(data: bytes) -> np.ndarray | None:
    """A TIFF file of numbers that PIL has no mode for, such as floating point in colors."""
    from PIL import TiffImagePlugin
    tags, file = TiffImagePlugin.ImageFileDirectory_v2(data[:8]), io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    check_size(tags[TiffImagePlugin.IMAGEWIDTH], tags[TiffImagePlugin.IMAGELENGTH])
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return None if image is None else to_bgr_uint8(image)
