"""Maps as tokens, row by row, and back. N batch, D channels, (h, w) size of the map."""
from torch import Tensor


def as_tokens(maps: Tensor) -> Tensor:
    """(N, D, h, w) -> (N, h * w, D)."""
    return maps.flatten(2).transpose(1, 2)


def as_map(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """(N, h * w, D) -> (N, D, h, w)."""
    return tokens.transpose(1, 2).unflatten(2, tuple(size))
