"""An editor of a few thousand weights in files, and a reader that says what it is told."""
import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from mmocr_siga.structures.results import WordResult
from tests.helpers.readers import PIPELINE
from tests.helpers.words import DICTIONARY


def editor_files(folder, seed=0, **changes):
    """Write a config and a checkpoint; returns their paths."""
    model = dict(
        type='DisentangledRecognizer',
        data_preprocessor=dict(type='WordViewsPreprocessor', mean=[127, 127, 127],
                               std=[64, 64, 64], bgr_to_rgb=True),
        backbone=dict(type='ConvStemTransformer', stem_channels=8, embed_dim=16, depth=2,
                      num_heads=2, inner_channels=16, taps=(0, )),
        encoder=dict(type='DisentangledEncoder', in_channels=(16, 16), style_share=0.5,
                     split='channels', blocks=1, num_heads=2),
        decoder=dict(type='SRNDecoder', dictionary=dict(DICTIONARY), channels=8, max_seq_len=7,
                     pvam=dict(num_layers=0, score='dot'),
                     gsrm=dict(num_layers=1, num_heads=2, inner_channels=8)),
        image_head=dict(
            type='StyledImageHead',
            decoder=dict(type='StyledImageDecoder', channels=8, erase_blocks=1, blocks=1,
                         num_heads=2, inner_channels=8, prompt=dict(type='GlyphPromptEncoder'))))
    model.update(changes)
    cfg = Config(dict(model=model, test_dataloader=dict(dataset=dict(pipeline=PIPELINE))))
    config, checkpoint = folder / 'editor.py', folder / 'editor.pth'
    cfg.dump(str(config))
    torch.manual_seed(seed)
    torch.save(dict(state_dict=MODELS.build(model).state_dict()), checkpoint)
    return config, checkpoint


class ToldReader:
    """Reads what ``tell`` makes of a crop, with a score of one half."""

    def __init__(self, tell=lambda crop: 'word'):
        self.tell, self.crops = tell, []

    def __call__(self, crops, **_):
        self.crops += crops
        return [WordResult(text=self.tell(crop), score=0.5) for crop in crops]


def noise(*size, seed=0):
    """A picture, uint8 BGR, of which no two pixels are alike for long."""
    return np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)


def scene():
    """A gradient with two words, and their boxes."""
    picture = np.full((200, 300, 3), 200, np.uint8)
    picture[..., 0] = np.linspace(120, 220, 300)
    for text, place in (('Exit', (20, 60)), ('Bar', (150, 160))):
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.4, (30, 30, 60), 3)
    return picture, [[14, 18, 114, 18, 114, 70, 14, 70], [144, 118, 244, 118, 244, 170, 144, 170]]
