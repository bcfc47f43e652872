"""Pictures of any kind to uint8 BGR arrays, and picture files; needs NumPy and OpenCV alone."""
from .arrays import UnusableImageError, decode_picture, to_bgr_uint8
from .files import IMAGE_SUFFIXES, encode_picture, image_suffix

__all__ = ['IMAGE_SUFFIXES', 'UnusableImageError', 'decode_picture', 'encode_picture',
           'image_suffix', 'to_bgr_uint8']
