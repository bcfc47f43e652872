from __future__ import annotations

from typing import Any

import torch
from mmengine.model import ModuleDict
from mmocr.models.textrecog.recognizers import EncoderDecoderRecognizer
from mmocr.registry import MODELS, TASK_UTILS
from mmocr.utils.typing_utils import (
    ConfigType,
    OptConfigType,
    OptRecSampleList,
    RecForwardResults,
    RecSampleList,
)
from torch import Tensor

from ..plugins.base import HostView, Plugin, plugged_in
from ..plugins.taps import tap_for
from .glyph_recognizer import GlyphRecognizer


class PluginMixin:
    """Gives a recogniser plug-ins, from outside of its code.

    Put it before the recogniser among the bases of a class::

        @MODELS.register_module()
        class PluggedRecognizer(PluginMixin, EncoderDecoderRecognizer):
            pass

    The weights keep the recogniser's names, those of plug-ins begin with ``plugins.``: a
    checkpoint of the recogniser loads into the plugged one and back. In training, plug-ins see what
    the recogniser did by hooks that live as long as ``loss``. Reading never touches them, except
    those that feed the recogniser. With the same seed the recogniser starts from the same weights
    as without plug-ins.

    Args:
        plugins (dict): Name to config of a :class:`~mmocr_siga.models.plugins.Plugin`, such as
            ``dict(sec=dict(type='SECLoss'))``.
        tap (dict, optional): Config of a :class:`~mmocr_siga.models.plugins.ModuleTap`. Defaults to
            None: found by the type of the decoder.
        host (Any): All that the recogniser itself takes.

    Raises:
        TypeError: If ``plugins`` is no dict, or one of them is no plug-in.
        ValueError: If no tap is known for the recogniser and none is given, if the tap or a plug-in
            names a module that the recogniser does not have, or, in training, if two losses have
            the same name.
    """

    def __init__(self, plugins: ConfigType, tap: OptConfigType = None, **host: Any) -> None:
        super().__init__(**host)
        if not isinstance(plugins, dict):
            raise TypeError("plugins maps names to configs, as in dict(sec=dict(type='SECLoss')), "
                            f'but is {type(plugins).__name__}')
        # What the recogniser draws when its weights are initialised is not to depend on plug-ins.
        with torch.random.fork_rng(devices=[]):
            self.plugins = ModuleDict({name: MODELS.build(cfg) for name, cfg in plugins.items()})
        for name, plugin in self.plugins.items():
            if not isinstance(plugin, Plugin):
                raise TypeError(f'{name} is a {type(plugin).__name__}, which is no plug-in')
        self._tap = tap_for(self) if tap is None else TASK_UTILS.build(tap)
        self._feeds = any(plugin.feeds for plugin in self.plugins.values())
        self._tap.check(self)
        with plugged_in(self._host_view(None, None), self._all_plugins(), losses=True):
            pass  # Paths that do not exist are found here, not in the first training step.

    def loss(self, inputs: Tensor, data_samples: RecSampleList, **kwargs: Any) -> dict[str, Tensor]:
        """The recogniser's losses and those of the plug-ins; in evaluation mode the former alone.

        Args:
            inputs (Tensor): Normalised images (N, C, H, W).
            data_samples (list[TextRecogDataSample]): N samples with their labels.
        """
        if not self.training:
            return self._read(super().loss, inputs, data_samples, **kwargs)
        host = self._host_view(inputs, data_samples)
        with plugged_in(host, self._all_plugins(), losses=True):
            losses = super().loss(inputs, data_samples, **kwargs)
        for name, plugin in self.plugins.items():
            added = plugin.loss(host)
            twice = sorted(set(added) & set(losses))
            if twice:
                raise ValueError(f'the plug-in {name} gives the losses {twice}, which are there '
                                 'already: plug in one of a kind')
            losses.update(added)
        return losses

    def predict(self, inputs: Tensor, data_samples: RecSampleList, **kwargs: Any) -> RecSampleList:
        """As the recogniser."""
        return self._read(super().predict, inputs, data_samples, **kwargs)

    def _forward(self, inputs: Tensor, data_samples: OptRecSampleList = None,
                 **kwargs: Any) -> RecForwardResults:
        return self._read(super()._forward, inputs, data_samples, **kwargs)

    def _read(self, method: Any, inputs: Tensor, data_samples: OptRecSampleList,
              **kwargs: Any) -> Any:
        if not self._feeds:
            return method(inputs, data_samples, **kwargs)
        feeders = [plugin for plugin in self._all_plugins() if plugin.feeds]
        with plugged_in(self._host_view(inputs, data_samples), feeders, losses=False):
            return method(inputs, data_samples, **kwargs)

    def _all_plugins(self) -> list[Plugin]:
        return list(self.plugins.values())

    def _host_view(self, inputs: Tensor | None, data_samples: OptRecSampleList) -> HostView:
        return HostView(self, self._tap, inputs, data_samples)


@MODELS.register_module()
class PluggedRecognizer(PluginMixin, EncoderDecoderRecognizer):
    """Any recogniser of MMOCR with plug-ins; see :class:`PluginMixin`.

    MMOCR's ``SARNet``, ``NRTR``, ``ASTER`` and the others are ``EncoderDecoderRecognizer`` under
    names of their own, so that this type takes the place of any of them in a config.
    """


@MODELS.register_module()
class PluggedGlyphRecognizer(PluginMixin, GlyphRecognizer):
    """A :class:`GlyphRecognizer` with plug-ins; see :class:`PluginMixin`."""
