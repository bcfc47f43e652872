import pytest
import torch
from mmocr.registry import MODELS
from torch import nn

from mmocr_siga.inference.optimize import optimize_for_inference
from tests.helpers.words import tiny_model


def build(**changes):
    torch.manual_seed(0)
    model = MODELS.build(tiny_model(**changes)).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(std=0.3)
                module.running_var.uniform_(0.2, 1.5)
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_(std=0.3)
    return model


@pytest.mark.parametrize('preprocessor', [None, dict(type='TPSRectifier', output_size=(32, 64),
                                                     num_points=8)])
def test_it_reads_the_same_with_fewer_layers(preprocessor):
    model, images = build(preprocessor=preprocessor), torch.randn(3, 3, 32, 64)
    with torch.no_grad():
        expected = model(images, None, mode='tensor')
        maps = model.encoder(model.extract_feat(images)).glyph_maps
        optimized = optimize_for_inference(model, (32, 64))
        torch.testing.assert_close(optimized(images, None, mode='tensor'), expected, rtol=1e-5,
                                   atol=1e-5)
        folded = optimized.encoder(optimized.extract_feat(images)).glyph_maps
    torch.testing.assert_close(folded['fine'], maps['fine'], rtol=1e-4, atol=1e-4)
    assert optimized is model and optimized.glyph_head is None
    assert not any(isinstance(m, nn.BatchNorm2d) for m in optimized.modules())
    assert not any(p.requires_grad for p in optimized.parameters())
    with pytest.raises(ValueError, match='call model.eval'):
        optimize_for_inference(build().train())


def test_a_convolution_that_feeds_something_else_too_is_noticed():
    class Block(nn.Module):
        """Reads images (N, 3, H, W): what is normalized is added, too."""

        def __init__(self):
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)
            nn.init.constant_(self.norm.running_mean, 2.)

        def forward(self, x):
            out = self.conv(x)
            return self.norm(out) + out

    model = build()
    model.backbone = nn.Sequential(Block(), model.backbone)
    images = torch.randn(2, 3, 32, 64)
    expected, state = model(images, None, mode='tensor'), model.state_dict()
    with pytest.raises(RuntimeError, match='feeds more than the normalization'):
        optimize_for_inference(model, (32, 64), tolerance=1e-6)
    assert torch.equal(model(images, None, mode='tensor'), expected)
    left = {k for k in state if not k.startswith('glyph_head')}
    assert model.state_dict().keys() == left
