"""A recognizer of a few thousand weights in files, for whatever reads by config and checkpoint."""
import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from tests.helpers.words import END, tiny_model

PIPELINE = [
    dict(type='LoadImageFromFile', backend_args=dict(backend='nonempty')),
    dict(type='EnsureBGR'),
    dict(type='Resize', scale=(128, 32), keep_ratio=False, interpolation='bicubic'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='PackTextRecogInputs', meta_keys=('img_path', 'ori_shape', 'img_shape',
                                                'valid_ratio')),
]
# Pictures of many widths, which share a batch only with their like.
RESCALED = [
    *PIPELINE[:2],
    dict(type='RescaleToHeight', height=32, min_width=16, max_width=128, width_divisor=16),
    dict(type='PadToWidth', width=128),
    *PIPELINE[3:],
]
UNPADDED = [step for step in RESCALED if step['type'] != 'PadToWidth']


def reader_files(folder, pipeline=PIPELINE, seed=0, endless=False, **changes):
    """Write a config and a checkpoint with a training head; returns their paths.

    With ``endless`` eight characters are read in every picture.
    """
    model = tiny_model(**changes)
    cfg = Config(dict(model=model, test_dataloader=dict(dataset=dict(pipeline=pipeline))))
    config = folder / 'reader.py'
    cfg.dump(str(config))
    torch.manual_seed(seed)
    recognizer = MODELS.build(model)
    _make_talkative(recognizer)
    if endless:
        recognizer.decoder.reader.classifier.bias.data[END] -= 100
    checkpoint = folder / 'reader.pth'
    torch.save(dict(state_dict=recognizer.state_dict(), optimizer=dict(lr=1),
                    meta=dict(iter=7, seed=1, experiment_name='reader', cfg='private')),
               checkpoint)
    return config, checkpoint


@torch.no_grad()
def _make_talkative(recognizer):
    """Let different pictures give different words of different lengths, untrained as it is."""
    images = torch.stack([torch.from_numpy(cv2.resize(image, (128, 32))).permute(2, 0, 1)
                          for image in word_pictures(24)]).float().sub(127).div(64)
    recognizer.train()
    for layer in recognizer.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None  # the statistics of these images
    recognizer.encoder(recognizer.extract_feat(images), None)
    for name, parameter in recognizer.named_parameters():
        if parameter.dim() > 1 and name.startswith(('encoder', 'decoder')):
            parameter *= 4 if 'classifier' in name else 1.5


def word_picture(text='Abc', size=(40, 90), ink=(20, 20, 60)):
    """A word in a plain face, uint8 BGR."""
    image = np.full((*size, 3), 220, np.uint8)
    cv2.putText(image, text, (8, size[0] - 10), cv2.FONT_HERSHEY_SIMPLEX, 1, ink, 3)
    return image


def word_pictures(count, widths=(60, 90, 150)):
    """Different words of a few widths, taken in turns."""
    rng = np.random.default_rng(5)
    letters = np.array(list('ABCDEFGHKLMNPRSTUVXYZ2345678'))
    return [word_picture(''.join(rng.choice(letters, 1 + i % 5)), (40, widths[i % len(widths)]))
            for i in range(count)]


def write_pictures(folder, count):
    """Write :func:`word_pictures` as 0.png, 1.png, ... into a folder; returns the folder."""
    folder.mkdir(exist_ok=True)
    for i, picture in enumerate(word_pictures(count)):
        cv2.imwrite(str(folder / f'{i}.png'), picture)
    return folder


def packed_reader(folder, *files):
    """Pack a reader as a model of the package; returns its files."""
    from tools.checkpoints import pack_weights
    model = pack_weights.pack(*files, 'reader', folder / 'packed', dtype='float32')
    pack_weights.add_graph(model, word_pictures(2))
    return model
