"""Picture files: their suffixes, told from the first bytes too, and encoding."""
from __future__ import annotations

import cv2
import numpy as np

IMAGE_SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp')

_SIGNATURES = ((b'\xff\xd8', '.jpg'), (b'\x89PNG', '.png'), (b'GIF8', '.gif'), (b'BM', '.bmp'),
               (b'II*\0', '.tif'), (b'MM\0*', '.tif'))


def encode_picture(picture: np.ndarray, suffix: str = '.jpg', quality: int = 92) -> bytes:
    """Encode a uint8 picture, (H, W) or BGR (H, W, 3), as '.jpg' or '.png'."""
    flags = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix == '.jpg' else []
    return cv2.imencode(suffix, picture, flags)[1].tobytes()


def image_suffix(data: bytes) -> str:
    """Suffix of an image by its first bytes; '' if they are not known."""
    for start, suffix in _SIGNATURES:
        if data.startswith(start):
            return suffix
    return '.webp' if data[:4] == b'RIFF' and data[8:12] == b'WEBP' else ''
