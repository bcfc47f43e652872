from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmocr.models.common.dictionary import Dictionary
from mmocr.registry import MODELS, TASK_UTILS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ...structures.encodings import PromptFeatures
from ..layers import TransformerEncoder, sinusoids


@MODELS.register_module()
class CharacterPromptEncoder(BaseModule):
    """What is to be written, as characters and their order, which two Transformer layers relate.

    It does not say where: a decoder learns to write over the old text.

    Args:
        dictionary: Of the characters that can be asked for, or its config.
        channels: Channels E of the tokens, an even number.
        inner_channels: Of the feed-forward parts.
    """

    def __init__(self, dictionary: dict | Dictionary, channels: int = 64, num_layers: int = 2,
                 num_heads: int = 2, inner_channels: int = 128, dropout: float = 0.,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if isinstance(dictionary, dict):
            dictionary = TASK_UTILS.build(dictionary)
        self.classes = {char: i for i, char in enumerate(dictionary.dict) if len(char) == 1}
        self.nothing = len(dictionary.dict)  # what pads a text, and an empty one consists of
        self.embedding = nn.Embedding(self.nothing + 1, channels)
        self.encoder = TransformerEncoder(channels, num_layers, num_heads, inner_channels, dropout,
                                          rotary=dict(base=100.))

    def of_samples(self, words: Sequence[TextRecogDataSample]) -> Tensor:
        """The labels of samples, see :meth:`of_texts`."""
        return self.of_texts([word.gt_text.item for word in words])

    def of_texts(self, texts: Sequence[str], boxes: object = None, size: object = None) -> Tensor:
        """Classes of the characters of N texts, (N, L), padded. A ValueError tells what is no
        character of the dictionary. Boxes and size are not asked for."""
        unknown = sorted({char for text in texts for char in text} - self.classes.keys())
        if unknown:
            text = next(text for text in texts if set(text) & set(unknown))
            raise ValueError(f'{text!r} cannot be written: the dictionary lacks '
                             f'{" ".join(map(repr, unknown))}')
        tokens = torch.full((len(texts), max(1, *map(len, texts), 1)), self.nothing)
        for row, text in zip(tokens, texts):
            row[:len(text)] = torch.tensor([self.classes[char] for char in text], dtype=torch.long)
        return tokens

    def forward(self, tokens: Tensor) -> PromptFeatures:
        """Classes (N, L) of :meth:`of_texts`."""
        hidden = tokens == self.nothing
        present = ~hidden[:, 0]
        # The first token is never hidden, or attention would have nothing to look at.
        hidden = torch.cat([torch.zeros_like(hidden[:, :1]), hidden[:, 1:]], 1)
        embedded = self.embedding(tokens)
        order = sinusoids(torch.arange(tokens.shape[1], device=tokens.device), embedded.shape[2])
        related = self.encoder(embedded + order.to(embedded.dtype), visible=~hidden)
        return PromptFeatures(related, hidden, present)
