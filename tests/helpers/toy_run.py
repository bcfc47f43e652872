"""A recognizer so small that a whole run takes a second, for tests of the machinery around it."""
import itertools

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModule
from mmengine.runner import Runner
from mmocr.registry import MODELS
from torch import nn

_number = itertools.count()  # MMEngine wants a new name for every run of a process
WORDS = ('ab', 'ba', 'aab', 'bb')

_PIPELINE = [
    dict(type='LoadImageFromFile', color_type='grayscale'),
    dict(type='LoadOCRAnnotations', with_text=True),
    dict(type='PadToWidth', width=32),
    dict(type='PackTextRecogInputs',
         meta_keys=('img_path', 'ori_shape', 'img_shape', 'valid_ratio')),
]


@MODELS.register_module()
class ToyBackbone(BaseModule):
    """(N, 1, 32, 32) to (N, 8, 1, 8), with batch norm."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1),
            nn.ReLU(), nn.MaxPool2d((8, 1)))

    def forward(self, images):
        return self.layers(images)


class PlainConfig(Config):
    """Writes itself without yapf, which would take most of the time of a run this small."""

    @property
    def pretty_text(self):
        return '\n'.join(f'{key} = {value!r}' for key, value in self.to_dict().items())


class EachStep(Hook):
    """What ``look(runner)`` gives before (or after) each step of a run, in ``seen``."""

    def __init__(self, look, after=False):
        self.seen = []
        setattr(self, 'after_train_iter' if after else 'before_train_iter',
                lambda runner, *args, **kwargs: self.seen.append(look(runner)))


def write_words(folder):
    """Write one image of noise per word and the list that MMOCR reads; returns the folder."""
    generator = np.random.default_rng(0)
    for i in range(len(WORDS)):
        cv2.imwrite(str(folder / f'{i}.png'), generator.integers(0, 256, (32, 32), np.uint8))
    (folder / 'dictionary.txt').write_text('a\nb\n')
    (folder / 'words.jsonl').write_text('\n'.join(
        f'{{"img": "{i}.png", "text": "{word}"}}' for i, word in enumerate(WORDS)))
    return folder


def _loader(folder, shuffle):
    return dict(
        batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=shuffle),
        dataset=dict(
            type='RecogTextDataset', data_root=str(folder), ann_file='words.jsonl',
            serialize_data=False, data_prefix=dict(img_path=''),
            parser_cfg=dict(type='LineJsonParser', keys=['img', 'text']), pipeline=_PIPELINE))


def toy_config(folder, run, max_epochs=1, amp=False, max_iters=None, **changes):
    """Config of a CRNN over the words in ``folder`` that leaves its files in ``folder / run``.

    Two iterations an epoch and one checkpoint each; with ``max_iters`` a loop without epochs, that
    validates nothing and leaves a checkpoint after each iteration. ``changes`` replace whole
    entries.
    """
    metric = dict(type='WordMetric', mode=['exact'])
    optim_wrapper = dict(
        type='OptimWrapper', constructor='DeferredOptimWrapperConstructor',
        optimizer=dict(type='Adam', lr=1e-3), accumulative_counts=2, clip_grad=dict(max_norm=5.))
    if amp:
        optim_wrapper.update(type='AmpOptimWrapper', loss_scale='dynamic')
    config = dict(
        default_scope='mmocr', experiment_name=f'toy_{next(_number)}',
        work_dir=str(folder / run), log_level='WARNING', randomness=dict(seed=0),
        default_hooks=dict(
            timer=dict(type='IterTimerHook'), logger=dict(type='LoggerHook', interval=1),
            param_scheduler=dict(type='ParamSchedulerHook'),
            checkpoint=dict(type='CheckpointHook', interval=1, by_epoch=not max_iters)),
        model=_toy_model(folder),
        train_dataloader=_loader(folder, shuffle=True),
        test_dataloader=_loader(folder, shuffle=False), test_evaluator=metric,
        test_cfg=dict(type='TestLoop'), optim_wrapper=optim_wrapper,
        param_scheduler=[dict(type='LinearLR', end=2, start_factor=0.5, by_epoch=True)])
    if max_iters:
        config['train_dataloader']['sampler'] = dict(type='InfiniteSampler', shuffle=False)
        config.update(train_cfg=dict(type='IterBasedTrainLoop', max_iters=max_iters),
                      log_processor=dict(by_epoch=False))
    else:
        config.update(train_cfg=dict(type='EpochBasedTrainLoop', max_epochs=max_epochs),
                      val_cfg=dict(type='ValLoop'), val_evaluator=metric,
                      val_dataloader=_loader(folder, shuffle=False))
    return PlainConfig({**config, **changes})


def _toy_model(folder):
    return dict(
        type='CRNN', backbone=dict(type='ToyBackbone'),
        decoder=dict(
            type='CRNNDecoder', in_channels=8, rnn_flag=False,
            module_loss=dict(type='CTCModuleLoss', letter_case='lower'),
            postprocessor=dict(type='CTCPostProcessor'),
            dictionary=dict(type='Dictionary', dict_file=str(folder / 'dictionary.txt'),
                            with_padding=True)),
        data_preprocessor=dict(type='TextRecogDataPreprocessor', mean=[127], std=[127]))


def build(config, load_from=None, resume=False, hooks=()):
    """The runner of a config, from a checkpoint if one is given."""
    config.load_from = load_from and str(load_from)
    config.resume = resume
    runner = Runner.from_cfg(config)
    for hook in hooks:
        runner.register_hook(hook, priority='LOWEST')
    return runner
