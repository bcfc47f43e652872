"""What the other characters of a word say about each: semantic reasoning in parallel.

N batch, T steps, D channels, K classes.
"""
from typing import NamedTuple, Optional

import torch
from mmengine.model import BaseModule
from mmocr.models.common import PositionalEncoding
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from .transformer_encoder import TransformerEncoder


class SemanticReasoning(NamedTuple):
    visual_logits: Tensor  # (N, T, K) of each glimpse alone
    features: Tensor  # (N, T, D) of each step's neighbors, without itself
    logits: Tensor  # (N, T, K) of these


@MODELS.register_module()
class GSRM(BaseModule):
    """Global semantic reasoning module of SRN (CVPR 2020, section 3.3).

    A linear layer tells characters from the glimpses; their argmax, through which no gradient goes,
    is embedded and read by two Transformers. The left one gets the embeddings shifted right, the
    pad id K first, and sees steps up to its own: at step t, characters 0 to t - 1. The right one
    sees its own step and later ones, and what it says is shifted left, zero last: at step t it has
    seen characters t + 1 to T - 1. Both are added, and the transposed embedding gives the logits.
    So what is said of a character depends on all others and not on itself.

    With ``end_idx``, the end token, what is read after the first one counts as end tokens too;
    without it, as in the paper, everything is taken as read. ``inner_channels`` are those of the
    feed-forward parts.
    """

    def __init__(self, num_classes: int, channels: int = 512, num_steps: int = 26,
                 num_layers: int = 4, num_heads: int = 8, inner_channels: int = 512,
                 dropout: float = 0.1, end_idx: Optional[int] = None,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        self.num_classes = num_classes
        self.end_idx = end_idx
        self.classifier = nn.Linear(channels, num_classes)
        self.embedding = nn.Embedding(num_classes + 1, channels)
        # The same numbers are read as embeddings of order 1 and serve as a classifier.
        self.scale = channels**0.5
        nn.init.normal_(self.embedding.weight, std=channels**-0.5)
        self.position = PositionalEncoding(channels, num_steps, dropout)
        layers = (channels, num_layers, num_heads, inner_channels, dropout)
        self.left = TransformerEncoder(*layers)
        self.right = TransformerEncoder(*layers)

    def forward(self, glimpses: Tensor) -> SemanticReasoning:
        """Reason about glimpses (N, T', D) of the first T' steps, at most ``num_steps``."""
        visual_logits = self.classifier(glimpses)
        features = self.reason(self.tokens(visual_logits))
        logits = F.linear(features, self.embedding.weight[:self.num_classes])
        return SemanticReasoning(visual_logits, features, logits)

    def tokens(self, visual_logits: Tensor) -> Tensor:
        """The characters read, (N, T, K) -> (N, T)."""
        tokens = visual_logits.detach().argmax(-1)
        if self.end_idx is None:
            return tokens
        ended = (tokens == self.end_idx).int().cumsum(1) > 0
        return tokens.masked_fill(ended, self.end_idx)

    def reason(self, tokens: Tensor) -> Tensor:
        """Semantic features of characters: (N, T) -> (N, T, D)."""
        steps = tokens.shape[1]
        shifted = F.pad(tokens[:, :-1], (1, 0), value=self.num_classes)
        earlier = torch.ones(steps, steps, dtype=torch.bool, device=tokens.device).tril()[None]
        left = self.left(self._embed(shifted), earlier)
        right = self.right(self._embed(tokens), earlier.transpose(1, 2))
        return left + F.pad(right[:, 1:], (0, 0, 0, 1))

    def _embed(self, tokens: Tensor) -> Tensor:
        return self.position(self.embedding(tokens) * self.scale)
