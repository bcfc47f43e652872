"""What a plug-in is, and what it sees of its host."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from mmengine.model import BaseModule
from mmocr.models.common.dictionary import Dictionary
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ..layers import valid_columns
from ..target_generators.text_masks import gray_images
from .sites import Call, Site, find_module, recorded, remove
from .taps import ModuleTap

SPECIAL = ('start_idx', 'end_idx', 'padding_idx', 'unknown_idx')


class Plugin(BaseModule):
    """Base of all plug-ins: something that adds losses to a recogniser, or features to its map.

    Attributes:
        needs_attention (bool): Whether :meth:`loss` reads ``host.attention``.
        reads (tuple[str]): Paths of modules whose outputs it reads by ``host.output``.
        feeds (bool): Whether :meth:`feed` changes the map that the attention reads. Such a plug-in
            takes part in reading too; the others exist in training only.
    """

    needs_attention = False
    reads: tuple[str, ...] = ()
    feeds = False

    def loss(self, host: HostView) -> dict[str, Tensor]:
        """Losses of a training step, named ``loss_...``.

        Args:
            host (HostView): The step, after the recogniser's own losses.
        """
        raise NotImplementedError

    def feed(self, host: HostView, feature: Tensor) -> Tensor:
        """The map that the attention is to read in place of ``feature`` (N, D, h, w).

        What :meth:`loss` will want of it may be kept in ``host.kept[self]``.
        """
        raise NotImplementedError


class HostView:
    """One call of a recogniser as its plug-ins see it; lives as long as the call.

    Args:
        recognizer (BaseModule): The recogniser.
        tap (ModuleTap): Where in it things are found.
        inputs (Tensor): Normalised images (N, C, H, W).
        data_samples (Sequence[TextRecogDataSample], optional): Their samples.
    """

    def __init__(self, recognizer: BaseModule, tap: ModuleTap, inputs: Tensor,
                 data_samples: Sequence[TextRecogDataSample] | None) -> None:
        self.recognizer = recognizer
        self.tap = tap
        self.inputs = inputs
        self.data_samples = data_samples
        self.calls: dict[str, list[Call]] = {}
        self.kept: dict[Plugin, Any] = {}

    @property
    def dictionary(self) -> Dictionary:
        """The recogniser's dictionary."""
        return self.tap.dictionary(self.recognizer)

    @property
    def special_classes(self) -> tuple[int, ...]:
        """Classes that are no characters."""
        indices = {getattr(self.dictionary, name, None) for name in SPECIAL}
        return tuple(sorted(indices - {None}))

    @property
    def feature(self) -> Tensor:
        """The map that the attention read, (N, D, h, w)."""
        return self.tap.feature(self.calls)

    @property
    def attention(self) -> Tensor:
        """Teacher-forced attention (N, T, h, w), step t reading character t."""
        size = tuple(self.feature.shape[-2:])
        return self.tap.attention(self.recognizer, self.calls, size, self.valid(size[1]))

    def output(self, path: str) -> Tensor:
        """The output of a module that the plug-in lists in ``reads``."""
        return Site(path).read(self.calls[path][-1])

    def classify(self, positions: Tensor) -> Tensor:
        """Logits (N, P, K) of feature vectors (N, P, D) by the recogniser's own classifier."""
        return self.tap.classify(self.recognizer, positions)

    def valid(self, width: int) -> Tensor | None:
        """Which columns of a map show the image: (N, width) bool, None where nothing is padded."""
        return valid_columns(self.data_samples, width, self.inputs.device)

    @property
    def rectified(self) -> bool:
        """Whether a preprocessor has moved the pixels since the data pipeline."""
        return getattr(self.recognizer, 'with_preprocessor', False)

    def gray(self) -> Tensor:
        """Grey images (N, H, W) in [0, 255] as the backbone read them."""
        images = self.output('preprocessor') if self.rectified else self.inputs
        return gray_images(images, self.recognizer.data_preprocessor)


@contextmanager
def plugged_in(host: HostView, plugins: Sequence[Plugin], losses: bool) -> Iterator[None]:
    """Hooks in a recogniser for the time of one call, taken away whatever happens.

    Args:
        host (HostView): The call; what is recorded goes into its ``calls``.
        plugins (Sequence[Plugin]): The plug-ins that take part.
        losses (bool): Whether losses will be asked for, or the call only reads.
    """
    feeders = [plugin for plugin in plugins if plugin.feeds]
    paths = [path for plugin in plugins for path in plugin.reads]
    if losses or feeders:
        attention = losses and any(plugin.needs_attention for plugin in plugins)
        paths += host.tap.paths(attention)
    if host.rectified:
        paths.append('preprocessor')
    with ExitStack() as stack:
        # Feeding first: what is recorded then is what the recogniser went on with.
        handles = []
        stack.callback(remove, handles)
        for plugin in feeders:
            handles.append(_feed(host, plugin))
        stack.enter_context(recorded(host.recognizer, paths, host.calls))
        yield


def _feed(host: HostView, plugin: Plugin) -> Any:
    """Let a plug-in change the map that the attention reads."""
    site, tap = host.tap.feature_site, host.tap
    module = find_module(host.recognizer, site.path)

    def change(call: Call) -> Any:
        before = site.read(call)
        calls = dict(host.calls)
        if site.source == 'input':
            # The module has not run yet: its inputs tell the size of the map.
            calls[site.path] = [call]
        after = plugin.feed(host, tap.as_map(before, calls))
        return site.replaced(call, after if before.dim() == 4 else after.flatten(2).transpose(1, 2))

    if site.source == 'input':
        return module.register_forward_pre_hook(
            lambda module, args, kwargs: change(Call(args, kwargs, None)), with_kwargs=True)
    return module.register_forward_hook(
        lambda module, args, kwargs, output: change(Call(args, kwargs, output)), with_kwargs=True)
