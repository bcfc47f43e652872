import torch
from mmocr.models.textrecog.backbones import ResNetABI
from mmocr.registry import MODELS


def build(channels=4):
    torch.manual_seed(0)
    return MODELS.build(dict(type='SIGAResNet45', base_channels=channels)).eval()


def test_the_taps_are_those_of_abinet():
    ours = build()
    theirs = ResNetABI(stem_channels=4, base_channels=4, out_indices=(1, 3, 4)).eval()
    result = theirs.load_state_dict(ours.state_dict(), strict=False)
    assert result.missing_keys == ['conv1.bias']
    torch.nn.init.zeros_(theirs.conv1.bias)
    image = torch.rand(2, 3, 32, 64)
    with torch.no_grad():
        stem, fine, coarse, columns = ours(image)
        want = theirs(image)
        torch.testing.assert_close(stem, theirs.bn1(theirs.conv1(image)).relu())
        torch.testing.assert_close(fine, want[0])
        torch.testing.assert_close(coarse, want[1])
        torch.testing.assert_close(columns, ours.columns(want[2]))
