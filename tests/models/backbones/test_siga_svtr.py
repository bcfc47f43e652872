import pytest
import torch
from mmocr.models.textrecog.encoders import SVTREncoder
from mmocr.registry import MODELS

SMALL = dict(img_size=(32, 24), embed_dims=(8, 12, 16), depth=(1, 2, 1), num_heads=(2, 2, 2),
             local_blocks=2, out_channels=10)


def build():
    torch.manual_seed(0)
    return MODELS.build(dict(type='SIGASVTR', **SMALL)).eval()


def test_the_default_is_svtr_large():
    with torch.no_grad():
        model = MODELS.build(dict(type='SIGASVTR')).eval()
        out = model(torch.rand(1, 3, 48, 160))
    assert [tuple(x.shape[1:]) for x in out] == [
        (96, 24, 80), (192, 12, 40), (256, 6, 40), (384, 1, 40)]
    blocks = [*model.blocks1, *model.blocks2, *model.blocks3]
    assert [b.mixer.mixer for b in blocks] == ['Local'] * 10 + ['Global'] * 11
    assert [len(model.blocks1), len(model.blocks2), len(model.blocks3)] == [3, 9, 9]


def test_columns_are_those_of_mmocr_and_taps_are_where_they_should_be():
    model, image = build(), torch.rand(2, 3, 32, 24)
    caught = {}
    for name in ('downsample1', 'downsample2'):
        getattr(model, name).register_forward_pre_hook(
            lambda module, args, name=name: caught.__setitem__(name, args[0]))
    with torch.no_grad():
        stem, fine, coarse, columns = model(image)
        ours = dict(caught)
        torch.testing.assert_close(columns, SVTREncoder.forward(model, image))
        torch.testing.assert_close(stem, model.patch_embed.net[0](image))
    assert torch.equal(fine, caught['downsample1']) and torch.equal(fine, ours['downsample1'])
    assert torch.equal(coarse, caught['downsample2'])


def test_another_size_is_refused():
    with pytest.raises(ValueError, match=r'\(32, 24\), got \(32, 28\)'):
        build()(torch.rand(1, 3, 32, 28))
    with pytest.raises(ValueError, match='multiples of 16 and 4'):
        MODELS.build(dict(type='SIGASVTR', img_size=(40, 160)))
