from __future__ import annotations

from typing import Any

import torch
from mmengine.model import ModuleDict
from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from mmocr.registry import MODELS, TASK_UTILS
from mmocr.utils.typing_utils import ConfigType, OptConfigType, OptRecSampleList, RecSampleList
from torch import Tensor

from ..plugins.base import Plugin, plugged_in
from ..plugins.column_masks import mask_columns
from ..plugins.mmocr_hooks import feature_hooks_of
from .glyph_recognizer import GlyphRecognizer


class PluginMixin:
    """Gives a recognizer plug-ins, from outside of its code.

    It comes before the recognizer among the bases of a class, as in :class:`PluggedRecognizer`. The
    weights keep the recognizer's names, those of plug-ins begin with ``plugins.``: a checkpoint of
    the recognizer loads into the plugged one and back. In training, plug-ins see what the
    recognizer did by hooks that live as long as ``loss``. Reading never touches them, except those
    that feed the recognizer. With the same seed the recognizer starts from the same weights as
    without. NRTR and SATRN hide padding as a plug-in sees it, in every row of a map (see
    :mod:`~mmocr_siga.models.plugins.column_masks`).

    Args:
        plugins: Name to config of a :class:`~mmocr_siga.models.plugins.Plugin`, such as
            ``dict(sec=dict(type='SECLoss'))``.
        hooks: Config of :class:`~mmocr_siga.models.utils.feature_hooks.FeatureHooks`. None: those
            of the decoder, see :func:`~mmocr_siga.models.plugins.feature_hooks_of`.

    Raises:
        TypeError: If ``plugins`` is no dict, or one of them is no plug-in.
        ValueError: If no hooks are known or given, if they or a plug-in name a module that is not
            there, or, in training, if two losses have the same name.
    """

    def __init__(self, plugins: ConfigType, hooks: OptConfigType = None, **base: Any) -> None:
        super().__init__(**base)
        mask_columns(self)
        if not isinstance(plugins, dict):
            raise TypeError("plugins maps names to configs, as in dict(sec=dict(type='SECLoss')), "
                            f'but is {type(plugins).__name__}')
        # What the recognizer draws when its weights are initialized is not to depend on plug-ins.
        with torch.random.fork_rng(devices=[]):
            self.plugins = ModuleDict({name: MODELS.build(cfg) for name, cfg in plugins.items()})
        for name, plugin in self.plugins.items():
            if not isinstance(plugin, Plugin):
                raise TypeError(f'{name} is a {type(plugin).__name__}, which is no plug-in')
        self.hooks = feature_hooks_of(self) if hooks is None else TASK_UTILS.build(hooks)
        self.hooks.check(self)
        self._feeds = any(plugin.feeds for plugin in self.plugins.values())
        with plugged_in(self):
            pass  # Paths that do not exist are found here, not in the first training step.

    def loss(self, inputs: Tensor, data_samples: RecSampleList, **kwargs: Any) -> dict[str, Tensor]:
        """The recognizer's losses and, in training mode, those of the plug-ins."""
        if not self.training:
            return self._read(super().loss, inputs, data_samples, **kwargs)
        with plugged_in(self, inputs, data_samples) as run:
            losses = super().loss(inputs, data_samples, **kwargs)
        for name, plugin in self.plugins.items():
            added = plugin.loss(run)
            twice = sorted(set(added) & set(losses))
            if twice:
                raise ValueError(f'the plug-in {name} gives the losses {twice}, which are there '
                                 'already: plug in one of a kind')
            losses.update(added)
        return losses

    def predict(self, inputs: Tensor, data_samples: RecSampleList, **kwargs: Any) -> RecSampleList:
        return self._read(super().predict, inputs, data_samples, **kwargs)

    def _forward(self, inputs: Tensor, data_samples: OptRecSampleList = None, **kwargs: Any) -> Any:
        return self._read(super()._forward, inputs, data_samples, **kwargs)

    def _read(self, method: Any, inputs: Tensor, data_samples: OptRecSampleList,
              **kwargs: Any) -> Any:
        if not self._feeds:
            return method(inputs, data_samples, **kwargs)
        with plugged_in(self, inputs, data_samples, losses=False):
            return method(inputs, data_samples, **kwargs)


@MODELS.register_module()
class PluggedRecognizer(PluginMixin, EncoderDecoderRecognizer):
    """Any recognizer of MMOCR with plug-ins; see :class:`PluginMixin`.

    MMOCR's ``SARNet``, ``NRTR``, ``ASTER`` and the others are ``EncoderDecoderRecognizer`` under
    names of their own, so that this type takes the place of any of them in a config.
    """


@MODELS.register_module()
class PluggedGlyphRecognizer(PluginMixin, GlyphRecognizer):
    """A :class:`GlyphRecognizer` with plug-ins; see :class:`PluginMixin`."""
