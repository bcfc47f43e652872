"""Pictures of any kind to uint8 BGR arrays, and picture files; needs NumPy and OpenCV alone."""
from .files import IMAGE_SUFFIXES, encode_picture, image_suffix, walk_pictures
from .pictures import UnusableImageError, decode_picture, from_pil, to_bgr_uint8

__all__ = ['IMAGE_SUFFIXES', 'UnusableImageError', 'decode_picture', 'encode_picture', 'from_pil',
           'image_suffix', 'to_bgr_uint8', 'walk_pictures']
