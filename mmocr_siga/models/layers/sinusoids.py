import torch
from torch import Tensor


def sinusoids(positions: Tensor, channels: int, temperature: float = 10000.0) -> Tensor:
    """Sines and cosines, in turn, of positions (...) -> (..., ``channels``), an even number, at
    wavelengths from 2 pi to nearly ``temperature`` times that, at least float32."""
    if channels % 2:
        raise ValueError(f'sines and cosines come in pairs, but there are {channels} channels')
    positions = positions if positions.dtype == torch.float64 else positions.float()
    powers = torch.arange(0, channels, 2, device=positions.device, dtype=positions.dtype) / channels
    angles = positions[..., None] / temperature**powers
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)
