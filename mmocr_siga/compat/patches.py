"""Everything that this package changes in others. Nothing is changed anywhere else.

:mod:`.import_hook` makes each change once, when the module it concerns has been imported. A change
does nothing where nothing is missing.
"""
from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Callable, NamedTuple

from .configs import configs_formatted_once, configs_in_bases, configs_in_hub, models_in_inferencers
from .cpu_launcher import join_by_gloo, wrap_without_devices
from .dependencies import ensure_mmcv_ext, restore_numpy_sctypes
from .saving import keep_until_saved, write_whole_files
from .slots import explain_slots


class Patch(NamedTuple):
    """``apply`` is called with ``module`` after its import: what it changes, why, until when."""
    module: str
    apply: Callable[[ModuleType], object]
    what: str
    why: str
    until: str


def load_checkpoints_safely(module: ModuleType) -> None:
    """Every loader of MMEngine ends in one of these two."""

    def load(*args: Any, **kwargs: Any) -> Any:
        from .checkpoint import load  # imports MMEngine, which may not be ready yet
        return load(*args, **kwargs)

    def load_url(*args: Any, **kwargs: Any) -> Any:
        from .checkpoint import load_url
        return load_url(*args, **kwargs)

    torch = ModuleType('torch')  # as this one module sees it
    torch.__dict__.update(vars(module.torch), load=load)
    module.torch, module.load_url = torch, load_url


def of(file: str, function: str) -> Callable[[ModuleType], object]:
    """A change by a module of this folder that imports torch, and is imported when it is needed."""
    return lambda module: getattr(import_module(f'{__package__}.{file}'), function)(module)


def decode_by_one_decoder(io: ModuleType) -> None:
    """Every loader, data set, inferencer and hook of OpenMMLab decodes by ``imfrombytes``."""
    decode = io.imfrombytes

    def imfrombytes(content: bytes, flag: str = 'color', channel_order: str = 'bgr',
                    backend: str | None = None) -> Any:
        if (backend or io.imread_backend) != 'cv2' or flag not in ('color', 'grayscale'):
            return decode(content, flag, channel_order, backend)
        import cv2

        from ..images import UnusableImageError, decode_picture
        try:
            image = decode_picture(content)
        except UnusableImageError as error:
            raise OSError(f'a picture cannot be decoded: {error}') from error
        if flag == 'grayscale':
            return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return image if channel_order == 'bgr' else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)

    for name in ('mmcv.image.io', 'mmcv.image', 'mmcv'):  # who imported it before has it, too
        if hasattr(sys.modules.get(name), 'imfrombytes'):
            sys.modules[name].imfrombytes = imfrombytes


def name_bad_pictures(loading: ModuleType) -> None:
    """The error for a picture that cannot be decoded has its path."""
    load = loading.LoadImageFromFile.transform

    def transform(self: Any, results: dict) -> dict | None:
        from ..images import UnusableImageError
        try:
            return load(self, results)
        except OSError as error:
            if not isinstance(error.__cause__, UnusableImageError):
                raise
            raise OSError(f'{results["img_path"]} cannot be decoded as an image: '
                          f'{error.__cause__}') from error

    loading.LoadImageFromFile.transform = transform


def announce_components(registry: ModuleType) -> None:
    """Let MMOCR's registries import, at the first look into them, the folders of ours as well."""
    from mmengine.registry import Registry
    for nodes in vars(registry).values():
        if isinstance(nodes, Registry) and nodes.scope == 'mmocr':
            folders = {location.split('.')[1] for location in nodes._locations}
            if nodes.name == 'task util':  # dictionaries, parsers of labels
                folders |= {'datasets', 'text'}
            nodes._locations = nodes._locations + [f'mmocr_siga.{name}' for name in sorted(folders)]
            nodes._imported = False


PATCHES = (
    Patch('numpy', restore_numpy_sctypes,
          what='numpy.sctypes is put back',
          why='NumPy 2 dropped it, and imgaug 0.4.0, which MMOCR imports, reads it',
          until='an imgaug after 0.4.0, or a MMOCR without it'),
    Patch('mmcv', ensure_mmcv_ext,
          what='mmcv._ext is a stand-in whose operators raise when they are called',
          why='MMDetection imports mmcv.ops; mmcv-lite, the only mmcv for torch from 2.1 on that '
              'needs no compiler, lacks its extension',
          until='an mmcv 2.0.x with wheels for every torch'),
    Patch('mmcv.image.io', decode_by_one_decoder,
          what='imfrombytes decodes by mmocr_siga.images.decode_picture',
          why='OpenCV drops what is transparent, knows no limit and not all formats: other pixels '
              'in training and testing than in reading',
          until='an OpenCV that lays transparent pictures over a ground'),
    Patch('mmocr.datasets.transforms.loading', name_bad_pictures,
          what='LoadImageFromFile names the picture that cannot be decoded, and why',
          why='decoding sees bytes alone', until='as before'),
    Patch('mmengine.config.config', configs_in_bases,
          what="_base_ = 'mmocr_siga::siga_r31.py' finds our configs",
          why='MMEngine knows the packages of OpenMMLab alone, and asks for a folder in the name',
          until='an MMEngine with entry points for configs'),
    Patch('mmengine.config.config', configs_formatted_once,
          what='a config that was written is not formatted again',
          why='formatting takes seconds where paths are long, in each checkpoint anew',
          until='an MMEngine that formats its configs once, or not by yapf'),
    Patch('mmengine.hub.hub', configs_in_hub,
          what="get_config('mmocr_siga::siga_r31.py') finds our configs and packaged weights",
          why='as before', until='as before'),
    Patch('mmengine.infer.infer', models_in_inferencers,
          what="MMOCRInferencer(rec='siga_tiny_words') finds our packaged models and configs",
          why="MMEngine looks into the index of MMOCR's own models alone", until='as before'),
    Patch('mmengine.infer.infer', of('weights', 'check_inferencers'),
          what='inferencers need a config, and weights that fit it',
          why='MMEngine executes the config in the checkpoint where none is given, and leaves '
              'random what is not in the weights',
          until='an MMEngine that reads configs as data, and refuses such weights'),
    Patch('mmengine.runner.runner', of('weights', 'check_tests'),
          what='a test refuses weights that do not fit the model',
          why='MMEngine leaves random what is not in the weights, and tests that',
          until='an MMEngine that refuses such weights'),
    Patch('mmengine.dist.utils', join_by_gloo,
          what='without an accelerator --launcher pytorch joins the processes by gloo',
          why='MMEngine sets a CUDA device first, whatever the backend',
          until='an MMEngine after 0.10 that launches on CPUs'),
    Patch('mmengine.model.wrappers.distributed', wrap_without_devices,
          what='MMDistributedDataParallel takes models on the CPU',
          why='the runner hands it the number of a CUDA device, which torch refuses',
          until='an MMEngine after 0.10 that launches on CPUs'),
    Patch('mmengine.runner.checkpoint', load_checkpoints_safely,
          what='torch.load and load_url are those of compat/checkpoint.py, for this module alone',
          why='MMEngine runs what is pickled in a file (torch up to 2.5) or cannot read its own '
              'checkpoints (from 2.6 on, which loads weights only)',
          until='an MMEngine that hands torch its classes; compat/restricted_unpickler.py serves '
                'torch 2.0 to 2.5 alone'),
    Patch('mmengine.fileio.backends.local_backend', write_whole_files,
          what='files appear under their name when all of them is on the disk',
          why='a kill or a full disk leaves half a checkpoint, under its final name',
          until='an MMEngine that writes beside and renames'),
    Patch('mmengine.hooks.checkpoint_hook', keep_until_saved,
          what='CheckpointHook removes old checkpoints after the new one is saved, and such alone '
               'as it finds in its own folder',
          why='MMEngine removes first, and removes whatever the resumed checkpoint names',
          until='an MMEngine that does so'),
    Patch('mmengine.hooks.checkpoint_hook', of('resuming', 'save_state_of_training'),
          what='checkpoints hold the states of random generators and accumulated gradients',
          why='MMEngine saves neither: a resumed run draws other dropout and augmentation',
          until='an MMEngine that saves them'),
    Patch('mmengine.runner.loops', of('resuming', 'start_where_stopped'),
          what='IterBasedTrainLoop starts its data loader at the first batch that it trains on',
          why='MMEngine reads all batches before that one again', until='as before'),
    Patch('mmengine.runner.runner', of('resuming', 'resume_by_data'),
          what='--resume passes over damaged checkpoints, tells what has ended or cannot be '
               'resumed, and goes on exactly; batches depend on the seed and their number; '
               'num_workers=0 needs no persistent_workers=False',
          why='MMEngine ends in KeyError, or says success, or begins with other data',
          until='as before'),
    Patch('mmocr.registry', announce_components,
          what='the registries import our components, too, when they are first asked for one',
          why='a name in a config finds its class, though importing the package imports no MMOCR',
          until='an MMOCR with entry points for plug-ins'),
    Patch('mmocr.registry', explain_slots,
          what='configs of models are looked through for components of ours in wrong places',
          why='MMOCR builds what stands there: its errors come later and tell of arguments',
          until='registries that know what belongs where'),
)
