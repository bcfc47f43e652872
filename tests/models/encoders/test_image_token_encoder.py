import pytest
import torch

from mmocr_siga.models.encoders import ImageTokenEncoder


def test_tokens_know_their_places():
    torch.manual_seed(0)
    encoder = ImageTokenEncoder(5, 8, size=(2, 3)).eval()
    maps = torch.randn(2, 5, 2, 3)
    tokens = encoder([maps[:, :1], maps])  # of several maps the last
    assert tokens.shape == (2, 6, 8)
    for y in range(2):
        for x in range(3):
            token = encoder.reduce.weight[:, :, 0, 0] @ maps[1, :, y, x] + encoder.reduce.bias
            token = encoder.layers(token[None, None] + encoder.places[:, 3 * y + x][None])[0, 0]
            torch.testing.assert_close(tokens[1, 3 * y + x], token)


@pytest.mark.parametrize('resampler, tokens', [(None, 10), (dict(num_latents=4, num_layers=1), 4)])
def test_maps_of_another_size(resampler, tokens):
    encoder = ImageTokenEncoder(5, 8, size=(2, 3), num_layers=1, resampler=resampler)
    found = encoder(torch.randn(3, 5, 2, 5))
    assert found.shape == (3, tokens, 8) and found.isfinite().all()
