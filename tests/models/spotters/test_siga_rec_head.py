import pytest
import torch
from mmengine.structures import InstanceData
from mmocr.registry import MODELS

from tests.helpers.spotters import rec_head
from tests.helpers.words import tiny_model


def build(**options):
    torch.manual_seed(0)
    return MODELS.build(rec_head(**options))


def regions(count):
    torch.manual_seed(1)
    return (torch.randn(count, 16, 16, 64), torch.randn(count, 3, 32, 128),
            torch.rand(count, 32, 128) * 255)


@pytest.mark.parametrize('parallel', [False, True])
@pytest.mark.parametrize('reads', ['shared', 'picture'])
def test_every_weight_learns_with_words_and_is_zero_without(reads, parallel):
    head = build(reads=reads, parallel=parallel)
    features, picture, gray = regions(2)
    features = features[..., :8, :32] if reads == 'shared' else features
    features.requires_grad_()
    losses = head.loss(features, head.samples(['ab', 'cde']), picture, gray)
    assert all('loss' in name and loss.isfinite() for name, loss in losses.items())
    sum(losses.values()).backward()
    without = [n for n, p in head.named_parameters() if p.grad is None]
    assert not without
    if reads == 'shared':
        assert features.grad.abs().sum() > 0

    head.zero_grad()
    losses = head.loss(features.detach(), head.samples(['!!', 'far too long a word']), picture,
                       gray)
    assert list(losses) == ['loss_nothing_to_read'] and losses['loss_nothing_to_read'] == 0
    sum(losses.values()).backward()
    assert all(p.grad is not None and not p.grad.any() for p in head.parameters())


def test_it_begins_as_the_recognizer_whose_weights_it_is_given(tmp_path):
    torch.manual_seed(3)
    recognizer = MODELS.build(tiny_model()).eval()
    torch.save(dict(state_dict=recognizer.state_dict()), tmp_path / 'words.pth')
    head = build(weights=str(tmp_path / 'words.pth')).eval()
    head.init_weights()
    features, picture, _ = regions(3)
    expected = recognizer(picture, None, mode='tensor')
    maps, encoding = head(features, picture)
    torch.testing.assert_close(head.decoder(maps, encoding, None), expected)
    own, given = head.state_dict(), recognizer.state_dict()
    assert all(torch.equal(own[name], given[name]) for name in given)
    found = head.predict(features, picture=picture)
    assert len(found) == 3 and all(len(f.pred_text.item) == len(f.pred_text.score) for f in found)
    assert head.predict(features[:0], picture=picture[:0]) == []
    # Features of the detector change what is read once the projection has learned.
    torch.testing.assert_close(head(features + 1, picture)[1].context, encoding.context)
    torch.nn.init.ones_(head.shared[2].weight)
    assert not torch.allclose(head(features, picture)[1].context, encoding.context)


def test_words_that_cannot_be_learned_are_left_out_and_instances_are_taken_too():
    head = build().eval()
    features, picture, gray = regions(3)
    kept = torch.tensor([0, 2])
    expected = head.loss(features[kept], head.samples(['ab', 'cde']), picture[kept], gray[kept])
    for samples in (head.samples(['Ab', '!!', 'cde']),
                    [InstanceData(texts=['Ab']), InstanceData(texts=['!!', 'cde'])]):
        losses = head.loss(features, samples, picture, gray)
        assert {k: v.item() for k, v in losses.items()} == pytest.approx(
            {k: v.item() for k, v in expected.items()}, rel=1e-5)


def test_what_is_missing_is_named():
    head = build()
    features, picture, gray = regions(1)
    with pytest.raises(ValueError, match='SIGARoIHead, or glyph_head=None'):
        head.loss(features, head.samples(['ab']), picture)
    with pytest.raises(ValueError, match="reads='shared'"):
        head.loss(features, head.samples(['ab']), None, gray)
    with pytest.raises(ValueError, match="detector's features, but got none"):
        head(None, picture)
    for texts, backgrounds in ((['ab', 'c'], 0), ([], 0), (['ab', 'c'], -1)):
        with pytest.raises(ValueError, match=f'1 regions and {len(texts)} texts, {backgrounds} b'):
            head.loss(features, head.samples(texts), picture, gray, backgrounds)
    with pytest.raises(ValueError, match='with_text=True'):
        head.loss(features, [InstanceData()], picture, gray)
    with pytest.raises(ValueError, match="'pictures'"):
        MODELS.build(dict(rec_head(), reads='pictures'))
    with pytest.raises(ValueError, match='shared_channels'):
        build(reads='shared', shared_channels=4)


@pytest.mark.parametrize('parallel', [False, True])
def test_backgrounds_are_for_the_decoder_alone(parallel):
    head = build(parallel=parallel).eval()
    features, picture, gray = regions(3)
    samples = head.samples(['abc', 'd'])
    plain = head.loss(features[:2], samples, picture[:2], gray[:2])
    more = head.loss(features, samples, picture, gray, backgrounds=1)
    empty = head.loss(features[2:], [], picture[2:], gray[2:], backgrounds=1)
    assert set(more) == set(plain)
    for name, value in plain.items():
        if name in empty:
            # A mean over characters and end tokens: 4 + 2 of the words, 1 of the background.
            value = (6 * value + empty[name]) / 7
        assert more[name].item() == pytest.approx(value.item(), rel=1e-4, abs=1e-6), name
    assert 'loss_word' in empty and 'loss_mask' in plain and 'loss_mask' not in empty
    # Alone they teach the decoder to end, and give the glyph head gradients of zero.
    assert empty['loss_nothing_to_read'] == 0
    sum(empty.values()).backward()
    assert not [n for n, p in head.named_parameters() if p.grad is None]
    assert any(p.grad.any() for p in head.decoder.parameters())
    assert not any(p.grad.any() for p in head.glyph_head.parameters())
