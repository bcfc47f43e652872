import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.encoders.disentangled_encoder import split_widths


def encoder(**changes):
    return MODELS.build(dict(dict(type='DisentangledEncoder', in_channels=(12, 16, 16), blocks=1,
                                  num_heads=2, map_size=(2, 4)), **changes))


def maps(count=2):
    return tuple(torch.randn(count, channels, 2, 4, requires_grad=True)
                 for channels in (12, 16, 16))


@pytest.mark.parametrize('share, style', [(0.25, 4), (0.5, 8), (0.75, 12)])
def test_channels_are_shared_out(share, style):
    model = encoder(style_share=share)
    assert (model.style_channels, model.content_channels) == (style, 16 - style)
    features = model.features(maps())
    assert features.style.shape == (2, 8, style)
    assert features.style_map.shape == features.source_map.shape == (2, style, 2, 4)
    assert features.content.shape == (2, 16 - style, 2, 4)
    assert torch.equal(features.style_map.flatten(2).transpose(1, 2), features.style)


@pytest.mark.parametrize('share, queries', [(0.25, 2), (0.5, 4), (0.75, 6)])
def test_or_tokens_are(share, queries):
    model = encoder(split='tokens', style_share=share)
    features = model.features(maps())
    assert features.style.shape == (2, queries, 16)
    assert features.content.shape == (2, 16, 1, 8 - queries)
    assert features.style_map.shape == features.source_map.shape == (2, 16, 2, 4)


@pytest.mark.parametrize('share', [0, 1, -0.5, 1.5, 0.01])
def test_neither_half_may_be_empty(share):
    with pytest.raises(ValueError, match=f'got {share}'):
        encoder(style_share=share)
    with pytest.raises(ValueError, match='style_share is the part of style in 16'):
        split_widths(16, share)


@pytest.mark.parametrize('changes, message', [
    (dict(split='halves'), "split must be one of .*'halves'"),
    (dict(trunk_gradient='none'), "trunk_gradient must be one of .*'none'"),
    (dict(style_share=0.3), 'a multiple of the 2 heads')])
def test_other_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        encoder(**changes)


@pytest.mark.parametrize('split', ['channels', 'tokens'])
@pytest.mark.parametrize('trunk_gradient', ['both', 'style', 'content'])
def test_gradients_reach_the_trunk_from_where_they_may(split, trunk_gradient):
    model = encoder(split=split, trunk_gradient=trunk_gradient)
    for half in ('style', 'content'):
        feat = maps()
        features = model.features(feat)
        (features.content if half == 'content' else features.style_map + features.source_map
         ).square().sum().backward()
        reached = [each.grad is not None and bool(each.grad.any()) for each in feat]
        if trunk_gradient not in ('both', half):
            assert reached == [False] * 3
        else:  # content looks at the last map alone
            assert reached == ([True] * 3 if half == 'style' else [False, False, True])


def test_as_an_encoder_it_hands_on_the_content_and_wrong_maps_are_refused():
    model, feat = encoder().eval(), maps()
    assert torch.equal(model(feat), model.features(feat).content)
    with pytest.raises(ValueError, match=r'\(12, 16, 16\) channels, got'):
        model(feat[1:])


@pytest.mark.parametrize('split', ['channels', 'tokens'])
def test_maps_of_several_sizes_are_brought_to_one(split):
    model = encoder(split=split).eval()
    large, own, flat = torch.randn(2, 12, 4, 8), torch.randn(2, 16, 2, 4), torch.randn(2, 16, 1, 4)
    blocks = large.reshape(2, 12, 2, 2, 4, 2).mean((3, 5))  # of 2 x 2 places
    rows = flat.expand(-1, -1, 2, -1)
    for found, wanted in zip(model.features((large, own, flat)),
                             model.features((blocks, own, rows))):
        torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(model((large, own, flat)), model((blocks, own, rows)))


def test_gates_are_the_formula():
    model, feat = encoder().double(), tuple(each.double() for each in maps())
    with torch.no_grad():
        tokens = [each.flatten(2).transpose(1, 2) for each in feat]
        style = tokens[2] @ model.to_style.weight.T + model.to_style.bias
        for gate, tap in zip(model.gates, tokens):
            tap = (tap - tap.mean(-1, keepdim=True)) / (
                tap.var(-1, unbiased=False, keepdim=True) + gate.norm.eps).sqrt()
            value = tap @ gate.value.weight.T + gate.value.bias
            share = torch.cat([style, value], -1) @ gate.gate.weight.T + gate.gate.bias
            style = style + value / (1 + (-share).exp())
        assert torch.allclose(model.features(feat).style, model.style_blocks(style))
