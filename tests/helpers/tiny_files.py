"""Files of a small recogniser, and a picture for it."""
from pathlib import Path

import cv2
import numpy as np
import torch
from mmocr.registry import MODELS

from tests.helpers.words import tiny_model

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='EnsureBGR'),
    dict(type='Resize', scale=(128, 32)),
    dict(type='PackTextRecogInputs', meta_keys=('img_path', 'ori_shape', 'img_shape',
                                                'valid_ratio')),
]


def write_tiny_recognizer(folder: Path) -> tuple[Path, Path]:
    """Config and weights of a recogniser that reads eight characters in every picture."""
    torch.manual_seed(0)
    model = MODELS.build(tiny_model(glyph_head=None))
    with torch.no_grad():
        model.decoder.reader.classifier.bias[36] -= 100  # words do not end
    torch.save(dict(state_dict=model.state_dict()), folder / 'tiny.pth')
    (folder / 'tiny.py').write_text(
        f'model = {tiny_model(glyph_head=None)!r}\n'
        f'test_dataloader = dict(dataset=dict(pipeline={PIPELINE!r}))\n')
    return folder / 'tiny.py', folder / 'tiny.pth'


def write_word(path: Path) -> Path:
    """A picture of a word, 120 x 40."""
    image = np.full((40, 120, 3), 235, np.uint8)
    cv2.putText(image, 'Exit', (12, 30), cv2.FONT_HERSHEY_SIMPLEX, 1, (60, 20, 20), 3)
    cv2.imwrite(str(path), image)
    return path
