"""Pictures of any kind to uint8 BGR arrays; needs NumPy and OpenCV alone."""
from .arrays import UnusableImageError, decode_picture, to_bgr_uint8

__all__ = ['UnusableImageError', 'decode_picture', 'to_bgr_uint8']
