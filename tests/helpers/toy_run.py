"""A recogniser so small that a whole run takes a second, for tests of the machinery around it."""

import itertools
from pathlib import Path
from typing import Optional

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.model import BaseModule
from mmengine.runner import Runner
from mmocr.registry import MODELS
from torch import Tensor, nn

_number = itertools.count()  # MMEngine wants a new name for every run of a process
WORDS = ('ab', 'ba', 'aab', 'bb')

_PIPELINE = [
    dict(type='LoadImageFromFile', color_type='grayscale'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='PadToWidth', width=32),
    dict(
        type='PackTextRecogInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]


@MODELS.register_module()
class ToyBackbone(BaseModule):
    """(N, 1, 32, 32) to (N, 8, 1, 8), with batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1),
            nn.ReLU(), nn.MaxPool2d((8, 1)))

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def write_words(folder: Path) -> None:
    """Write one image of noise per word and the list that MMOCR reads."""
    generator = np.random.default_rng(0)
    lines = []
    for i, word in enumerate(WORDS):
        image = generator.integers(0, 256, (32, 32), dtype=np.uint8)
        cv2.imwrite(str(folder / f'{i}.png'), image)
        lines.append(f'{{"img": "{i}.png", "text": "{word}"}}')
    (folder / 'dictionary.txt').write_text('a\nb\n')
    (folder / 'words.jsonl').write_text('\n'.join(lines))


class _PlainConfig(Config):
    """Writes itself without yapf, which would take most of the time of a run this small."""

    @property
    def pretty_text(self) -> str:
        return '\n'.join(f'{key} = {value!r}' for key, value in self.to_dict().items())


def _loader(folder: Path, shuffle: bool) -> dict:
    return dict(
        batch_size=2,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=shuffle),
        dataset=dict(
            type='RecogTextDataset',
            data_root=str(folder),
            ann_file='words.jsonl',
            serialize_data=False,
            data_prefix=dict(img_path=''),
            parser_cfg=dict(type='LineJsonParser', keys=['img', 'text']),
            pipeline=_PIPELINE))


def toy_config(folder: Path, work_dir: Path, max_epochs: int = 1, amp: bool = False) -> Config:
    """Config of a CRNN over the words in ``folder``: two iterations an epoch, one checkpoint each.

    Args:
        folder (Path): Folder that :func:`write_words` has filled.
        work_dir (Path): Where checkpoints go.
        max_epochs (int): Epochs to train. Defaults to 1.
        amp (bool): Use ``AmpOptimWrapper``, as ``--amp`` does. Defaults to False.

    Returns:
        Config: To be given to ``Runner.from_cfg``.
    """
    optim_wrapper = dict(
        type='OptimWrapper',
        constructor='DeferredOptimWrapperConstructor',
        optimizer=dict(type='Adam', lr=1e-3),
        accumulative_counts=2,
        clip_grad=dict(max_norm=5.))
    if amp:
        optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')
    metric = dict(type='WordMetric', mode=['exact'])
    return _PlainConfig(
        dict(
            default_scope='mmocr',
            experiment_name=f'toy_{next(_number)}',
            work_dir=str(work_dir),
            log_level='WARNING',
            randomness=dict(seed=0),
            default_hooks=dict(
                timer=dict(type='IterTimerHook'),
                logger=dict(type='LoggerHook', interval=1),
                param_scheduler=dict(type='ParamSchedulerHook'),
                checkpoint=dict(type='CheckpointHook', interval=1)),
            model=_toy_model(folder),
            train_dataloader=_loader(folder, shuffle=True),
            val_dataloader=_loader(folder, shuffle=False),
            test_dataloader=_loader(folder, shuffle=False),
            val_evaluator=metric,
            test_evaluator=metric,
            train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=1),
            val_cfg=dict(type='ValLoop'),
            test_cfg=dict(type='TestLoop'),
            optim_wrapper=optim_wrapper,
            param_scheduler=[dict(type='LinearLR', end=2, start_factor=0.5, by_epoch=True)]))


def _toy_model(folder: Path) -> dict:
    dictionary = dict(
        type='Dictionary', dict_file=str(folder / 'dictionary.txt'), with_padding=True)
    return dict(
        type='CRNN',
        backbone=dict(type='ToyBackbone'),
        decoder=dict(
            type='CRNNDecoder',
            in_channels=8,
            rnn_flag=False,
            module_loss=dict(type='CTCModuleLoss', letter_case='lower'),
            postprocessor=dict(type='CTCPostProcessor'),
            dictionary=dictionary),
        data_preprocessor=dict(type='TextRecogDataPreprocessor', mean=[127], std=[127]))


def build(config: Config, load_from: Optional[Path] = None, resume: bool = False) -> Runner:
    """Build the runner of a config, from a checkpoint if one is given."""
    config.load_from = None if load_from is None else str(load_from)
    config.resume = resume
    return Runner.from_cfg(config)
