from __future__ import annotations

import torch
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import ConfigType, InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ..decoders import CTCDecoder
from ..layers.ctc import ctc_losses
from ..utils.feature_hooks import find_module
from .base import ForwardPass, Plugin


@MODELS.register_module()
class CTCDistillation(Plugin):
    """Keeps a CTC recognizer close to a teacher while it learns, on words that the teacher reads.

    The divergence of the probabilities of each column from the teacher's (Hinton et al., 2015) is
    weighted, word by word, by how probable the label is to the teacher: what it reads stays, what
    it does not read is learned freely.

    Args:
        teacher: Config of a recognizer with a :class:`CTCDecoder` of the same classes and columns.
            Its weights come from its ``init_cfg`` and stay as they are; they are no part of
            checkpoints.
        decoder: Path of the recognizer's :class:`CTCDecoder`.
    """

    def __init__(self, teacher: ConfigType, loss_weight: float = 1.0,
                 decoder: str = 'decoder', init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        model = MODELS.build(teacher)
        if not isinstance(model.decoder, CTCDecoder):
            raise TypeError('the teacher of CTCDistillation needs a CTCDecoder, but has a '
                            f'{type(model.decoder).__name__}')
        self.loss_weight = loss_weight
        self.decoder = decoder
        self.reads = (f'{decoder}.classifier', )
        # In a list: neither trained nor saved with the recognizer.
        self._teacher = [model.requires_grad_(False).eval()]

    @property
    def teacher(self) -> nn.Module:
        return self._teacher[0]

    def init_weights(self) -> None:
        super().init_weights()
        self.teacher.init_weights()

    def _apply(self, fn, *args, **kwargs) -> CTCDistillation:
        self.teacher._apply(fn)
        return super()._apply(fn, *args, **kwargs)

    def loss(self, run: ForwardPass) -> dict[str, Tensor]:
        """``loss_distillation``: mean over columns, then over words."""
        decoder = find_module(run.recognizer, self.decoder)
        theirs = self.columns(run)
        ours = decoder.log_probabilities(run.output(*self.reads))
        if theirs.shape != ours.shape:
            raise ValueError(f'the teacher tells {tuple(theirs.shape[1:])} columns and classes, '
                             f'the recognizer {tuple(ours.shape[1:])}')
        divergence = F.kl_div(ours, theirs, reduction='none', log_target=True).sum(-1).mean(-1)
        weights = self.label_probability(theirs, run)
        return dict(loss_distillation=self.loss_weight * (weights * divergence).mean())

    @torch.no_grad()
    def columns(self, run: ForwardPass) -> Tensor:
        """The teacher's log probabilities (N, w, K)."""
        features = self.teacher.extract_feat(run.inputs)
        encoding = self.teacher.encoder(features, run.data_samples)
        decoder = self.teacher.decoder
        return decoder.columns(decoder.prepare(encoding, run.data_samples))

    @torch.no_grad()
    def label_probability(self, columns: Tensor, run: ForwardPass) -> Tensor:
        """How probable each word's label is by the columns (N, w, K): (N,)."""
        decoder = find_module(run.recognizer, self.decoder)
        targets = decoder.targets(run.data_samples, columns.device).tokens[:, 1:]
        return (-ctc_losses(columns, targets, run.data_samples, decoder.blank)).exp()
