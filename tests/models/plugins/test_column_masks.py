"""Which cells of a padded map with several rows NRTR and SATRN look at, in MMOCR and plugged."""
import copy

import pytest
import torch

from mmocr_siga.models.plugins import feature_hooks_of, teacher_forced_attention
from tests.helpers.mmocr_models import RECOGNIZERS, batch, build_small

SEC = dict(sec=dict(type='SECLoss'))


def looked_at(name, ratios, **changes):
    """Cells (N, h, w) that the last layer's attention can reach, and how many columns show the
    word."""
    model = build_small(name, **changes).eval()
    inputs, samples = batch(RECOGNIZERS[name][2], ratios=ratios)
    attention = teacher_forced_attention(model, inputs, samples, feature_hooks_of(model))
    assert attention.shape[2] > 1
    return (attention > 0).any(1), [-(-attention.shape[3] * int(100 * r) // 100) for r in ratios]


@pytest.mark.parametrize('name', ['nrtr', 'satrn'])
def test_columns_are_hidden_and_not_rows(name):
    ratios = (0.5, 0.3)
    seen, columns = looked_at(name, ratios)
    # MMOCR's: the first cells of all rows one after the other.
    for word, ratio in zip(seen, ratios):
        cells = word.flatten()
        count = -(-cells.numel() * int(100 * ratio) // 100)
        assert cells[:count].all() and not cells[count:].any()
        assert not word[-1].any()  # the bottom of the word
    seen, _ = looked_at(name, ratios, type='PluggedRecognizer', plugins=SEC)
    for word, count in zip(seen, columns):
        assert word[:, :count].all() and not word[:, count:].any()


@pytest.mark.parametrize('name', ['nrtr', 'satrn'])
def test_without_padding_all_is_as_it_was(name):
    plain = build_small(name).eval()
    plugged = build_small(name, type='PluggedRecognizer', plugins=SEC).eval()
    plugged.load_state_dict(plain.state_dict())
    inputs, samples = batch(RECOGNIZERS[name][2], ratios=(1.0, 1.0))
    with torch.no_grad():
        torch.testing.assert_close(plugged._forward(inputs, samples),
                                   plain._forward(inputs, samples))


@torch.no_grad()
@pytest.mark.parametrize('plugged', [False, True])
def test_what_is_in_the_padding(plugged):
    changes = dict(type='PluggedRecognizer', plugins=SEC) if plugged else {}
    model = build_small('nrtr', **changes).eval()
    inputs, samples = batch(RECOGNIZERS['nrtr'][2], words=('abc', ), ratios=(0.5, ))
    feature = model.extract_feat(inputs)

    def read(feature):
        encoded = model.encoder(feature, samples)
        return model.decoder(feature, encoded, copy.deepcopy(samples))

    changed = {}
    half = feature.shape[3] // 2
    for part, where in (('padding', (slice(None), slice(half, None))),
                        ('bottom', (slice(1, None), slice(0, half)))):
        other = feature.clone()
        part_of_it = other[(slice(None), slice(None), *where)]
        part_of_it += torch.randn_like(part_of_it)
        changed[part] = not torch.allclose(read(other), read(feature), atol=1e-6)
    # MMOCR's reads the padding beside the upper row, and nothing of the lower one.
    assert changed == dict(padding=not plugged, bottom=plugged)
