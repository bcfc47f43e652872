import numpy as np
import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.losses.glyph_perceptual_loss import packaged_backbone

NETWORK = 'siga_tiny_words'


@pytest.fixture(scope='module')
def loss():
    return MODELS.build(dict(type='ReaderFeatureLoss', network=NETWORK))


def pictures(seed):
    return torch.rand(2, 3, 32, 128, generator=torch.Generator().manual_seed(seed))


def test_it_is_the_difference_of_the_maps_of_normalized_pictures(loss):
    made, wanted = pictures(0), pictures(1)
    network, mean, std = packaged_backbone(NETWORK)
    network.eval()
    total = 0.
    with torch.no_grad():
        for a, b in zip(*(network(torch.stack([
                (255 * picture[:, c] - mean[c]) / std[c] for c in range(3)], 1))
                for picture in (made, wanted))):
            total += np.abs(a.double().numpy() - b.double().numpy()).sum(1).mean()
    assert float(loss(made, wanted)) == pytest.approx(total, rel=1e-4) and total > 0
    assert float(loss(made, made)) == 0
    loss.loss_weight = 2.5
    try:
        assert float(loss(made, wanted)) == pytest.approx(2.5 * total, rel=1e-4)
    finally:
        loss.loss_weight = 1.


def test_only_the_picture_that_is_made_learns(loss):
    made, wanted = pictures(0).requires_grad_(), pictures(1).requires_grad_()
    state = {key: value.clone() for key, value in loss.state_dict().items()}
    loss.train()
    assert not any(module.training for module in loss.modules())
    loss(made, wanted).backward()
    assert made.grad.abs().amax((1, 2, 3)).min() > 0 and wanted.grad is None
    assert all(not weight.requires_grad for weight in loss.parameters())
    loss.init_weights()
    assert all(torch.equal(value, state[key]) for key, value in loss.state_dict().items())


def test_a_packaged_backbone_has_the_weights_and_the_normalization_of_its_reader():
    from mmocr_siga.apis import WordInferencer
    reader = WordInferencer(NETWORK, device='cpu', optimize=False).model
    network, mean, std = packaged_backbone(NETWORK)
    wanted, found = reader.backbone.state_dict(), network.state_dict()
    assert wanted.keys() == found.keys()
    assert all(torch.allclose(found[key].float(), value.float(), atol=1e-6)
               for key, value in wanted.items())
    assert torch.equal(torch.tensor(mean), reader.data_preprocessor.mean.flatten())
    assert torch.equal(torch.tensor(std), reader.data_preprocessor.std.flatten())
    other = packaged_backbone(NETWORK, trained=False)[0].state_dict()
    assert other.keys() == found.keys()
    assert any(not torch.equal(other[key], found[key]) for key in found)
