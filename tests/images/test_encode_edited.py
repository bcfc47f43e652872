import io

import numpy as np
import pytest
from PIL import Image

from mmocr_siga.images import decode_picture, encode_edited

PICTURE = np.random.default_rng(0).integers(0, 256, (9, 14, 3)).astype(np.uint8)


def test_a_png_has_its_pixels_and_a_text_chunk():
    data = encode_edited(PICTURE, 'edited: a "b"')
    assert (decode_picture(data) == PICTURE).all()
    start = data.index(b'tEXt')
    assert data[start:start + 40].startswith(b'tEXtComment\0edited: a "b"')
    assert Image.open(io.BytesIO(data)).text == {'Comment': 'edited: a "b"'}


@pytest.mark.parametrize('note', ['edited', 'a' * 2000])
def test_a_jpeg_says_so_twice(note):
    plain = np.full((16, 16, 3), (10, 200, 90), np.uint8)
    image = Image.open(io.BytesIO(encode_edited(plain, note, '.jpg')))
    assert image.info['comment'] == note.encode() and image.getexif()[0x010e] == note
    assert abs(decode_picture(encode_edited(plain, note, '.jpg')).astype(int) - plain).max() < 4
