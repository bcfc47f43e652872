from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmocr.models.common import Dictionary
from mmocr.registry import MODELS, TASK_UTILS
from mmocr.utils.typing_utils import ConfigType, InitConfigType
from torch import Tensor, nn

from ...text.dictionary import dictionary_characters
from ..layers.text_image_decoder import quick_mlp

PADDING = 0


@MODELS.register_module()
class WordTextEncoder(BaseModule):
    """Vectors of the words of a prompt, each word read alone (oCLIP, ODM).

    Characters are numbered from 1 in the order of the dictionary, the end comes after them, 0 is
    padding. Pre-norm Transformer layers with a causal mask; the vector of a word is the mean over
    its characters and its end. Neither padding behind a word nor places without one count.

    Args:
        dictionary: Its characters are those of the prompts; others are left out.
        out_channels: E, channels of the vectors.
        channels: Channels inside.
        max_seq_len: Slots of a word, its end included; longer ones end in the last slot.
    """

    def __init__(self, dictionary: ConfigType | Dictionary, out_channels: int = 512,
                 channels: int = 64, num_layers: int = 6, num_heads: int = 8,
                 max_seq_len: int = 25, init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if isinstance(dictionary, dict):
            dictionary = TASK_UTILS.build(dictionary)
        known = dictionary_characters(dictionary)
        characters = [char for char in dictionary.dict if char in known]
        self.numbers = {char: i for i, char in enumerate(characters, 1)}
        self.end = len(characters) + 1
        self.max_seq_len = max_seq_len
        self.embedding = nn.Embedding(self.end + 1, channels)
        self.positions = nn.Parameter(0.01 * torch.randn(max_seq_len, channels))
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(TextBlock(channels, num_heads) for _ in range(num_layers))
        self.norm = nn.LayerNorm(channels)
        self.project = nn.Linear(channels, out_channels, bias=False)

    def tokens(self, prompts: Sequence[Sequence[str]]) -> Tensor:
        """N prompts of at most n words -> long (N, n, L) on the CPU, n and L at least 1."""
        words = [[self._numbered(text) for text in prompt] for prompt in prompts]
        most = max([1, *map(len, words)])
        longest = max([1, *(len(word) for prompt in words for word in prompt)])
        tokens = torch.full((len(words), most, longest), PADDING, dtype=torch.long)
        for i, prompt in enumerate(words):
            for j, word in enumerate(prompt):
                tokens[i, j, :len(word)] = torch.tensor(word)
        return tokens

    def _numbered(self, text: str) -> list[int]:
        numbers = [self.numbers[char] for char in text if char in self.numbers]
        return [*numbers[:self.max_seq_len - 1], self.end]

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Long (N, n, L) -> vectors (N, n, E) and which words are there, bool (N, n)."""
        slots = tokens.flatten(0, 1)
        real = slots != PADDING
        length = slots.shape[1]
        x = self.embedding(slots) + self.positions[:length]
        later = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        # The first slot is always to be seen: a softmax over nothing is NaN.
        hidden = ~real & (torch.arange(length, device=x.device) > 0)
        for block in self.blocks:
            x = block(x, later, hidden)
        share = real / real.sum(1, keepdim=True).clamp(min=1)
        vectors = self.project((self.norm(x) * share[..., None]).sum(1))
        return vectors.unflatten(0, tokens.shape[:2]), real[:, 0].unflatten(0, tokens.shape[:2])


class TextBlock(nn.Module):
    """Self-attention and a perceptron, each on the normalized sequence and added to it."""

    def __init__(self, channels: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, num_heads, batch_first=True)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = quick_mlp(channels)

    def forward(self, x: Tensor, later: Tensor, hidden: Tensor) -> Tensor:
        """(W, L, D) with what a slot must not see, bool (L, L) and (W, L)."""
        normed = self.norm1(x)
        x = x + self.attention(normed, normed, normed, attn_mask=later, key_padding_mask=hidden,
                               need_weights=False)[0]
        return x + self.mlp(self.norm2(x))
