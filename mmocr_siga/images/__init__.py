"""Pictures of any kind to uint8 BGR arrays, and picture files; needs NumPy and OpenCV, for other
files than plain JPEG and PNG Pillow too."""
from .decoding import FORMATS, decode_picture
from .files import (
    IMAGE_SUFFIXES,
    MAX_BYTES,
    encode_edited,
    encode_picture,
    image_suffix,
    open_file,
    read_file,
    walk_pictures,
)
from .pictures import MAX_PIXELS, UnusableImageError, check_size, from_pil, to_bgr_uint8

__all__ = [
    'FORMATS', 'IMAGE_SUFFIXES', 'MAX_BYTES', 'MAX_PIXELS', 'UnusableImageError', 'check_size',
    'decode_picture', 'encode_edited', 'encode_picture', 'from_pil', 'image_suffix', 'open_file',
    'read_file', 'to_bgr_uint8', 'walk_pictures'
]
