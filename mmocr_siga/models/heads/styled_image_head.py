"""What a style looks like: the image side of :class:`.DisentangledRecognizer`.

N pairs of pictures (H, W) of a style: first the N pictures A, then the N pictures B with other
texts. Pictures have values in [0, 1].
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import ConfigType, InitConfigType, OptConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ...structures.encodings import (
    DisentangledFeatures,
    ErasedImages,
    PromptFeatures,
    StyledImages,
)
from ..losses.style_alignment_loss import style_distance
from ..pseudo_labels.functional import at_least_float32


@MODELS.register_module()
class StyledImageHead(BaseModule):
    """Removal and editing, and the losses that teach them.

    A linear layer tells of each place, before the gates of the encoder, where the text of the
    picture is; the decoder draws the board and the new text. Reading needs none of it.

    Args:
        in_channels: Channels D_s of the style; a recognizer fills them in, as here the decoder's.
        decoder: ``StyledImageDecoder``.
        loss_align: Of the styles of A and B.
        own_text: Whether a third picture is drawn, A's style with its own text. A copy of the input
            solves that one; by trial a small model then copies for the other two as well.
        loss_image: Of A's style with B's text against B, and of B's with A's against A; what was or
            is to be text counts more. The sum of all.
        loss_erase: Of the board that each of A and B gives against the true one; the sum.
        loss_mask: Of the coverage against the text that was to be written, and of the source mask
            against the picture's own; sums as above.
        loss_feature: Of the same pictures as ``loss_image``, for example ``ReaderFeatureLoss``.
    """

    def __init__(self, in_channels: int = 64,
                 decoder: ConfigType = dict(type='StyledImageDecoder'),  # noqa: B006
                 own_text: bool = False,
                 loss_align: OptConfigType = dict(type='StyleAlignmentLoss'),  # noqa: B006
                 loss_image: OptConfigType = dict(type='ReconstructionLoss'),  # noqa: B006
                 loss_erase: OptConfigType = dict(type='ReconstructionLoss'),  # noqa: B006
                 loss_mask: OptConfigType = dict(type='BCEDiceLoss'),  # noqa: B006
                 loss_feature: OptConfigType = None, init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.decoder = MODELS.build(dict(decoder, in_channels=in_channels))
        self.own_text = own_text
        self.source = nn.Conv2d(in_channels, 16, 1)  # of 4 x 4 pixels
        losses = dict(align=loss_align, image=loss_image, erase=loss_erase, mask=loss_mask,
                      feature=loss_feature)
        # A loss left out is an ablation.
        self.losses = nn.ModuleDict(
            {name: MODELS.build(cfg) for name, cfg in losses.items() if cfg is not None})

    def source_mask(self, features: DisentangledFeatures) -> Tensor:
        """Probability (N, 1, H, W) that a pixel of the input is text."""
        return at_least_float32(F.pixel_shuffle(self.source(features.source_map), 4)).sigmoid()

    def erase(self, features: DisentangledFeatures) -> ErasedImages:
        return ErasedImages(self.decoder.erase(features.style_map)[1], self.source_mask(features))

    def edit(self, features: DisentangledFeatures, prompts: Tensor) -> StyledImages:
        """Prompts are as the prompt's encoder takes them."""
        drawn = self.decoder(features.style_map, prompts)
        return drawn._replace(source_mask=self.source_mask(features))

    def prompts(self, words: Sequence[TextRecogDataSample]) -> Tensor:
        return self.decoder.prompt.of_samples(words)

    def loss(self, features: DisentangledFeatures, pictures: Tensor, board: Tensor, masks: Tensor,
             prompts: Tensor) -> dict[str, Tensor]:
        """Losses of N pairs.

        Besides them, for the log, ``style_spread``, the mean distance of styles of different pairs,
        which a style that says nothing has at 0.

        Args:
            features: Of the pictures A and B.
            pictures: A and B, (2N, 3, H, W).
            board: Of each pair, without text, (N, 3, H, W).
            masks: Text of A and B, bool (2N, 1, H, W).
            prompts: Texts of A and B.
        """
        count = len(board)
        tokens, boards = self.decoder.erase(features.style_map)
        prompt = self.decoder.prompt(prompts)
        first = torch.arange(count, device=boards.device)
        second = first + count
        drawings = [(first, second), (second, first)] + [(first, first)] * self.own_text
        style, text = map(torch.cat, zip(*drawings))
        drawn = self.decoder.write(tokens[style], boards[style], selected_prompts(prompt, text))
        wanted, written = pictures[text], masks[text]
        source = self.source_mask(features)
        counted = written | masks[style]
        terms = dict(
            image=[*zip(*(t.chunk(len(drawings)) for t in (drawn.image, wanted, counted)))],
            feature=[*zip(*(t.chunk(len(drawings)) for t in (drawn.image, wanted)))],
            erase=[(each, board, mask) for each, mask in zip(boards.chunk(2), masks.chunk(2))],
            mask=[*zip(drawn.coverage.chunk(len(drawings)), written.chunk(len(drawings))),
                  *zip(source.chunk(2), masks.chunk(2))],
            align=[features.style.chunk(2)])
        losses = {f'loss_{name}': sum(loss(*term) for term in terms[name])
                  for name, loss in self.losses.items()}
        styles = features.style[:count].detach()
        return dict(losses, style_spread=style_distance(styles, styles.roll(1, 0)))


def selected_prompts(prompt: PromptFeatures, rows: Tensor) -> PromptFeatures:
    """Some of the prompts, or others in their order: ``rows`` are their numbers."""
    return PromptFeatures(
        prompt.tokens[rows], None if prompt.hidden is None else prompt.hidden[rows],
        prompt.present[rows], tuple(each[rows] for each in prompt.maps))
