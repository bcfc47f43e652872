import pytest
import torch
from torch import nn

from mmocr_siga.models.layers import AdaptiveWinogradConv2d, WinogradConv2d


@pytest.mark.parametrize('tile', [2, 4])
@pytest.mark.parametrize('shape', [(1, 3, 8, 32), (2, 5, 7, 9), (1, 4, 1, 1), (2, 4, 3, 6)])
@pytest.mark.parametrize('bias', [False, True])
def test_it_equals_the_convolution(tile, shape, bias):
    torch.manual_seed(0)
    convolution = nn.Conv2d(shape[1], 6, 3, padding=1, bias=bias).double()
    x = torch.randn(shape, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(WinogradConv2d(convolution, tile)(x), convolution(x))


@pytest.mark.parametrize('tile, error', [(2, 1e-5), (4, 1e-4)])
def test_rounding_in_single_precision(tile, error):
    torch.manual_seed(0)
    convolution, x = nn.Conv2d(256, 256, 3, padding=1), torch.randn(1, 256, 8, 32)
    with torch.no_grad():
        assert (WinogradConv2d(convolution, tile)(x) - convolution(x)).abs().max() < error


@pytest.mark.parametrize('changes', [
    dict(kernel_size=1, padding=0), dict(stride=2), dict(padding=0), dict(groups=2),
    dict(dilation=2), dict(padding='same'), dict(padding_mode='reflect')])
def test_other_convolutions_are_refused(changes):
    convolution = nn.Conv2d(4, 4, **{**dict(kernel_size=3, padding=1), **changes})
    with pytest.raises(ValueError, match='not a 3x3 convolution'):
        WinogradConv2d(convolution, 2)


def test_other_tiles_are_refused():
    with pytest.raises(ValueError, match='tile must be one of'):
        WinogradConv2d(nn.Conv2d(4, 4, 3, padding=1), 3)


def test_tiles_follow_the_batch(monkeypatch):
    torch.manual_seed(0)
    convolution = nn.Conv2d(3, 6, 3, padding=1).double()
    assert AdaptiveWinogradConv2d(convolution).small is None  # no cache is too small for that
    monkeypatch.setattr(AdaptiveWinogradConv2d, 'CACHED', 0)
    layer = AdaptiveWinogradConv2d(convolution)
    used = []
    for name in ('small', 'large'):
        getattr(layer, name).register_forward_hook(lambda *_, name=name: used.append(name))
    with torch.no_grad():
        # Tiles of 4 in 8 x 30 pixels: 2 x 8; 24 of them and more are many.
        for batch in (1, 2):
            x = torch.randn(batch, 3, 8, 30, dtype=torch.float64)
            torch.testing.assert_close(layer(x), convolution(x))
    assert used == ['small', 'large']
