"""What a plug-in is, and what it sees of its recognizer."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from mmengine.model import BaseModule
from mmocr.models.common.dictionary import Dictionary
from mmocr.structures import TextRecogDataSample
from torch import Tensor

from ..layers import valid_columns
from ..target_generators.text_masks import gray_images
from ..utils.feature_hooks import Call, FeatureHook, FeatureHooks, find_module, recorded

SPECIAL = ('start_idx', 'end_idx', 'padding_idx', 'unknown_idx')


class Plugin(BaseModule):
    """Base of all plug-ins: something that adds losses to a recognizer, or features to its map.

    ``needs_attention`` says whether :meth:`loss` reads ``run.attention``; ``reads`` are paths of
    modules whose outputs it reads by ``run.output``; with ``feeds``, :meth:`feed` changes the map
    that the attention reads, in reading too, where other plug-ins do not exist.
    """

    needs_attention = False
    reads: tuple[str, ...] = ()
    feeds = False

    def loss(self, run: ForwardPass) -> dict[str, Tensor]:
        """Losses of a training step, named ``loss_...``, after the recognizer's own."""
        raise NotImplementedError

    def feed(self, run: ForwardPass, feature: Tensor) -> Tensor:
        """The map that the attention is to read in place of ``feature`` (N, D, h, w).

        What :meth:`loss` will want of it may be kept in ``run.kept[self]``.
        """
        raise NotImplementedError


@dataclass(eq=False)
class ForwardPass:
    """One call of a recognizer as its plug-ins see it; lives as long as the call."""

    recognizer: BaseModule
    hooks: FeatureHooks
    inputs: Tensor
    data_samples: Sequence[TextRecogDataSample] | None
    calls: dict[str, list[Call]] = field(default_factory=dict)
    kept: dict[Plugin, Any] = field(default_factory=dict)

    @property
    def dictionary(self) -> Dictionary:
        return reduce(getattr, self.hooks.dictionary_path.split('.'), self.recognizer)

    @property
    def special_classes(self) -> tuple[int, ...]:
        """Classes that are no characters."""
        indices = {getattr(self.dictionary, name, None) for name in SPECIAL}
        return tuple(sorted(indices - {None}))

    @property
    def feature(self) -> Tensor:
        """The map that the attention read, (N, D, h, w)."""
        return self.hooks.as_map(self.hooks.feature_hook.read(self.calls)[-1], self.calls)

    @property
    def attention(self) -> Tensor:
        """Attention (N, T, h, w), step t reading character t; in training, teacher-forced."""
        size = tuple(self.feature.shape[-2:])
        return self.hooks.attention(self.recognizer, self.calls, size, self.valid(size[1]))

    def output(self, path: str) -> Tensor:
        """The output of a module that the plug-in lists in ``reads``."""
        return FeatureHook(path).read(self.calls)[-1]

    def classify(self, positions: Tensor) -> Tensor:
        """Logits (N, P, K) of feature vectors (N, P, D) by the recognizer's own classifier."""
        return self.hooks.classify(self.recognizer, positions)

    def valid(self, width: int) -> Tensor | None:
        """Which columns of a map show the image: (N, width) bool, None where nothing is padded."""
        return valid_columns(self.data_samples, width, self.inputs.device)

    @property
    def rectified(self) -> bool:
        """Whether a preprocessor has moved the pixels since the data pipeline."""
        return getattr(self.recognizer, 'with_preprocessor', False)

    def gray(self) -> Tensor:
        """Gray images (N, H, W) in [0, 255] as the backbone read them."""
        images = self.output('preprocessor') if self.rectified else self.inputs
        return gray_images(images, self.recognizer.data_preprocessor)


@contextmanager
def plugged_in(recognizer: BaseModule, inputs: Tensor | None = None,
               data_samples: Sequence[TextRecogDataSample] | None = None,
               losses: bool = True) -> Iterator[ForwardPass]:
    """Hooks in a recognizer with ``plugins`` and ``hooks`` for the time of one call, taken away
    whatever happens. Without ``losses`` the call only reads."""
    run = ForwardPass(recognizer, recognizer.hooks, inputs, data_samples)
    plugins = [plugin for plugin in recognizer.plugins.values() if losses or plugin.feeds]
    feeders = [plugin for plugin in plugins if plugin.feeds]
    paths = [path for plugin in plugins for path in plugin.reads]
    if losses or feeders:
        paths += run.hooks.paths(losses and any(plugin.needs_attention for plugin in plugins))
    if run.rectified:
        paths.append('preprocessor')
    with ExitStack() as stack:
        # Feeding first: what is recorded then is what the recognizer went on with.
        for plugin in feeders:
            stack.callback(_feed(run, plugin).remove)
        stack.enter_context(recorded(run.recognizer, paths, run.calls))
        yield run


def _feed(run: ForwardPass, plugin: Plugin) -> Any:
    """Let a plug-in change the map that the attention reads."""
    hook, hooks = run.hooks.feature_hook, run.hooks
    module = find_module(run.recognizer, hook.path)

    def change(call: Call) -> Any:
        before = hook.tensor(call)
        # Where the module has not run yet, its inputs tell the size of the map.
        calls = dict(run.calls, **({hook.path: [call]} if hook.source == 'input' else {}))
        after = plugin.feed(run, hooks.as_map(before, calls))
        return hook.replaced(call, after if before.dim() == 4 else after.flatten(2).transpose(1, 2))

    if hook.source == 'input':
        return module.register_forward_pre_hook(
            lambda module, args, kwargs: change(Call(args, kwargs, None)), with_kwargs=True)
    return module.register_forward_hook(
        lambda module, args, kwargs, output: change(Call(args, kwargs, output)), with_kwargs=True)
