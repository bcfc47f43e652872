"""SIGA-P: glyph features are one vector per character in order, so read them all at once."""
from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import torch
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import OptConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoders import GlyphEncoding
from ..encoders.siga_encoder import SCALES
from ..layers import GatedFusion
from ..losses.word_loss import WordOutputs
from .base import WordDecoder

# A column of which a glyph map claims nothing counts as one with this share of its pixels.
_LEAST_SHARE = 0.01


class ParallelReading(NamedTuple):
    """All steps of a batch of words."""

    glimpse: Optional[Tensor]  # (N, T, D)
    feature: Tensor  # (N, T, D), what the characters are told from


@MODELS.register_module()
class SIGAParallelDecoder(WordDecoder):
    r"""Read the glyph features of :class:`SIGAEncoder` in parallel, without a loop over characters.

    The glyph features of both scales are mixed by a gate. The visual part, a :class:`PVAM` over the
    context, lets each character look once more, all at the same time: its reading order and its
    glyph feature ask, and the glyph maps say where to look: the logarithm of the share of each
    column that a character's map claims is added to the energies. The greatest share also tells
    steps with a glyph from those behind the word. Glimpse and glyph feature are gated as in SIGA,
    and two linear layers tell the characters.

    With reasoning, a :class:`GSRM` reads what the gate gives and a :class:`VSFD` fuses both in
    place of the two layers. What is read behind the end counts as end tokens.

    In training there is a cross-entropy for each source on its own (``loss_word_fine``,
    ``loss_word_coarse`` and, with a visual part, ``loss_word_visual``), with reasoning for what it
    reads and what it says (``loss_word_fused``, ``loss_word_semantic``), and the final one
    (``loss_word``). The classifiers of the sources take no part in reading.

    Args:
        dictionary (dict or Dictionary): Needs an end token.
        in_channels (int): Channels D of context and glyph features. Defaults to 256.
        output_size (int): Hidden channels of the last classifier. Defaults to 512.
        dropout (float): Before the last classifier. Defaults to 0.1.
        visual (dict, optional): Config of the visual part; channels and steps are filled in. None
            reads glyph features alone. Defaults to ``dict(type='PVAM', num_layers=0,
            score='dot')``, which is cheap: the context is related already.
        reasoning (dict, optional): Config of the reasoning part, for example ``dict(type='GSRM',
            num_layers=1)``; classes, channels and steps are filled in, and then ``output_size`` and
            ``dropout`` concern nothing. ``dict(type='SRNModuleLoss', final_weight=1.0,
            ask_behind_end=False)`` weights its losses as SRN does. Defaults to None.
        module_loss (dict, optional): Defaults to ``dict(type='WordLoss')``.
        postprocessor (dict, optional): Defaults to ``dict(type='AttentionPostprocessor')``.
        max_seq_len (int): Characters at most; the encoder's. Defaults to 25.
        init_cfg (dict or list[dict], optional): Initialisation. Defaults to None.
    """

    def __init__(self,
                 dictionary: Union[dict, Dictionary],
                 in_channels: int = 256,
                 output_size: int = 512,
                 dropout: float = 0.1,
                 visual: OptConfigType = dict(type='PVAM', num_layers=0, score='dot'),  # noqa: B006
                 reasoning: OptConfigType = None,
                 module_loss: Optional[dict] = None,
                 postprocessor: Optional[dict] = None,
                 max_seq_len: int = 25,
                 init_cfg: Optional[Union[dict, list[dict]]] = None) -> None:
        super().__init__(dictionary=dictionary, module_loss=module_loss,
                         postprocessor=postprocessor, max_seq_len=max_seq_len, init_cfg=init_cfg)
        classes = self.num_classes
        self.fusion = GatedFusion(in_channels)
        self.presence = nn.Linear(1, in_channels, bias=False)
        self.visual = self.visual_fusion = None
        sources = list(SCALES)
        if visual is not None:
            self.visual = MODELS.build(dict(visual, in_channels=in_channels, channels=in_channels,
                                            num_steps=max_seq_len + 1))
            self.visual_fusion = GatedFusion(in_channels)
            sources.append('visual')
        self.source_classifiers = nn.ModuleDict(
            {source: nn.Linear(in_channels, classes) for source in sources})
        self.reasoning = None
        if reasoning is None:
            self.classifier = nn.Sequential(
                nn.Linear(in_channels, output_size), nn.ReLU(), nn.Dropout(dropout),
                nn.Linear(output_size, classes))
        else:
            self.reasoning = MODELS.build(dict(
                reasoning, num_classes=classes, channels=in_channels, num_steps=max_seq_len + 1,
                end_idx=self.dictionary.end_idx))
            self.vsfd = MODELS.build(dict(type='VSFD', num_classes=classes, channels=in_channels))

    def forward_train(self, feat: Sequence[Tensor], out_enc: GlyphEncoding,
                      data_samples: Sequence[TextRecogDataSample]) -> WordOutputs:
        """Logits of every source and of all together."""
        targets = self.targets(data_samples, out_enc.context.device)
        # Reasoning reads all steps, as it will when it reads unknown words.
        reading = self.read(out_enc, targets.steps if self.reasoning is None else None)
        sources = dict(out_enc.glyph_features)
        if reading.glimpse is not None:
            sources['visual'] = reading.glimpse
        logits = {f'word_{source}': classify(sources[source][:, :targets.steps])
                  for source, classify in self.source_classifiers.items()}
        logits.update((name, steps[:, :targets.steps])
                      for name, steps in self.classify(reading.feature).items())
        return WordOutputs(logits, targets)

    def forward_test(self, feat: Optional[Sequence[Tensor]], out_enc: GlyphEncoding,
                     data_samples: Optional[Sequence[TextRecogDataSample]] = None) -> Tensor:
        """Probabilities (N, max_seq_len + 1, K)."""
        return self.classify(self.read(out_enc).feature)['word'].float().softmax(-1)

    def classify(self, feature: Tensor) -> dict[str, Tensor]:
        """Logits (N, T', K) of features (N, T', D): 'word', and those of reasoning."""
        if self.reasoning is None:
            return dict(word=self.classifier(feature))
        reasoning = self.reasoning(feature)
        return dict(word_fused=reasoning.visual_logits, word_semantic=reasoning.logits,
                    word=self.vsfd(feature, reasoning.features))

    def read(self, encoding: GlyphEncoding, steps: Optional[int] = None) -> ParallelReading:
        """Everything but the classifiers.

        Args:
            encoding (GlyphEncoding): From :class:`SIGAEncoder`.
            steps (int, optional): How many of the T steps are wanted. Defaults to all.

        Raises:
            ValueError: If the encoding has no glyph features, or not T of them.
        """
        self._check(encoding)
        steps = steps or self.max_seq_len + 1
        shares = column_shares(encoding.glyph_maps['coarse'], encoding.context.shape[1])
        expected = shares[:, :steps].clamp(min=_LEAST_SHARE).log()
        glyph = self.fusion(*(encoding.glyph_features[s][:, :steps] for s in SCALES))
        glyph = glyph + self.presence(self._presence(expected, encoding.valid).to(glyph.dtype))
        if self.visual is None:
            return ParallelReading(None, glyph)
        glimpse = self.visual(encoding.context, encoding.valid, glyph, expected).glimpses
        return ParallelReading(glimpse, self.visual_fusion(glimpse, glyph))

    @staticmethod
    def _presence(expected: Tensor, valid: Optional[Tensor]) -> Tensor:
        """Greatest expectation (N, T, 1) of each step, about -2 (no glyph) to 2."""
        if valid is not None:
            expected = expected.masked_fill(~valid[:, None], float('-inf'))
        return expected.amax(-1, keepdim=True) + 2.3

    def _check(self, encoding: GlyphEncoding) -> None:
        if not encoding.glyph_features:
            raise ValueError('SIGAParallelDecoder reads glyph features, and the encoder makes '
                             'none: set its pyramid')
        steps = encoding.glyph_features['coarse'].shape[1]
        if steps != self.max_seq_len + 1:
            raise ValueError(f'the encoder was built for max_seq_len={steps - 1}, the decoder for '
                             f'max_seq_len={self.max_seq_len}: let them agree')


def column_shares(maps: Tensor, width: int) -> Tensor:
    """Which share of each column the characters' glyph maps claim.

    Args:
        maps (Tensor): Logits (N, T + 1, h, w'), channel 0 background.
        width (int): Columns w of the result.

    Returns:
        Tensor: (N, T, w) in [0, 1], at least float32.
    """
    if maps.dtype != torch.float64:
        maps = maps.float()
    shares = maps.softmax(1)[:, 1:].mean(2)
    if shares.shape[-1] == width:
        return shares
    return F.interpolate(shares, size=width, mode='linear', align_corners=False)
