import torch

from mmocr_siga.models.backbones import DenseNetB


def test_channels_and_sides_are_the_papers():
    model, seen = DenseNetB(in_channels=1).eval(), []
    for part in model.blocks:
        part.register_forward_hook(lambda module, args, output: seen.append(output.shape[1]))
    with torch.no_grad():
        assert model(torch.zeros(1, 1, 33, 50)).shape == (1, 684, 3, 4)  # 16ths, rounded up
    assert [seen[i] for i in (0, 15, 16, 32, 33, 49)] == [72, 432, 216, 600, 300, 684]
    assert model.out_channels == 684


def test_a_bottleneck_adds_what_it_makes_of_its_input():
    model = DenseNetB(3, growth=4, num_layers=1, stem_channels=6).eval()
    x = torch.randn(2, 6, 4, 5)
    with torch.no_grad():
        out = model.blocks[0](x)
    assert torch.equal(out[:, :6], x) and out.shape[1] == 10 and (out[:, 6:] >= 0).all()
