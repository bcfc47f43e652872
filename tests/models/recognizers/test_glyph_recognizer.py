import pytest
import torch
from mmocr.registry import MODELS

from tests.helpers.words import sample, tiny_model


def build(**changes):
    torch.manual_seed(0)
    return MODELS.build(tiny_model(**changes))


def test_reading_never_touches_the_head_and_needs_none():
    model = build().eval()
    without = build(glyph_head=None).eval()
    with pytest.raises(RuntimeError, match='glyph_heads.x'):
        without.load_state_dict({**model.state_dict(), 'glyph_heads.x': torch.zeros(1)})
    with pytest.raises(RuntimeError, match='glyph_head.aligner'):
        model.load_state_dict(without.state_dict())
    without.load_state_dict(model.state_dict())  # strictly
    inputs = torch.randn(3, 3, 32, 128)
    del model.glyph_head  # whoever touched it would fail
    assert torch.equal(model._forward(inputs), without._forward(inputs))
    texts = [s.pred_text.item for s in model.predict(inputs, [sample('') for _ in range(3)])]
    got = without.predict(inputs, [sample('') for _ in range(3)])
    assert texts == [s.pred_text.item for s in got]


@pytest.mark.parametrize('words', [['ab'], [''], ['ab', '', 'abcdefghijk']])
def test_a_training_step_moves_every_weight(words):
    model = build().train(len(words) > 1)  # batch norm
    losses = model(torch.randn(len(words), 3, 32, 128), [sample(w) for w in words], mode='loss')
    assert len(losses) == 12 and all(loss.isfinite() for loss in losses.values())
    sum(losses.values()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), name


def test_targets_are_made_once(monkeypatch):
    model, made = build().train(), []
    own = model.decoder.targets
    monkeypatch.setattr(model.decoder, 'targets', lambda *args: made.append(own(*args)) or made[-1])
    monkeypatch.setattr(model.glyph_head, 'targets', None)
    model(torch.randn(2, 3, 32, 128), [sample('ab', targets=False) for _ in range(2)], mode='loss')
    assert len(made) == 1


def test_channels_last_reads_the_same():
    model, other = build().eval(), build(channels_last=True).eval()
    other.load_state_dict(model.state_dict())
    inputs = torch.randn(2, 3, 32, 128)
    assert other.backbone.layer1[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(other(inputs, mode='tensor'), model(inputs, mode='tensor'),
                               rtol=1e-4, atol=1e-5)


RECTIFIER = dict(type='TPSRectifier', output_size=(32, 128))


def bent(**changes):
    """A model whose rectifier moves its points."""
    model = build(preprocessor=dict(RECTIFIER), **changes)
    model.preprocessor.points.bias.data += 0.2 * torch.rand(40) - 0.1
    return model


def caught(model, inputs, samples):
    """What reaches the loss of the text mask, and the backbone."""
    seen = {}
    model.glyph_head.loss_mask.register_forward_pre_hook(
        lambda module, args: seen.update(mask=args[1]))
    model.backbone.register_forward_pre_hook(lambda module, args: seen.update(images=args[0]))
    losses = model(inputs, samples, mode='loss')
    return losses, seen


def test_one_grid_warps_image_and_mask():
    torch.manual_seed(1)
    mask = torch.zeros(2, 1, 32, 128, dtype=torch.bool)
    mask[0, :, 8:24, 20:50] = mask[1, :, 4:28, 70:80] = True
    inputs = mask.float().expand(-1, 3, -1, -1).contiguous()
    samples = [sample('ab', mask=m) for m in mask]
    losses, seen = caught(bent().train(), inputs, samples)
    assert torch.equal(seen['mask'], seen['images'][:, 0] > 0.5)
    assert (seen['mask'] != mask[:, 0]).any()
    model = bent().train()
    sum(model(inputs, samples, mode='loss').values()).backward()
    assert model.preprocessor.points.bias.grad.abs().sum() > 0  # the words teach it


def test_masks_from_gray_are_those_of_the_rectified_image():
    inputs = torch.zeros(1, 3, 32, 128)
    inputs[:, :, 10:20, 30:90] = 2
    _, seen = caught(bent().train(), inputs, [sample('ab')])
    bright = seen['images'][:, 0] > 1
    overlap = (seen['mask'] & bright).sum() / (seen['mask'] | bright).sum()
    assert overlap > 0.95


def test_a_preprocessor_without_a_grid_and_masks_do_not_go_together():
    stn = dict(type='STN', in_channels=3, resized_image_size=(32, 64), output_image_size=(32, 128))
    model = build(preprocessor=stn).train()
    inputs = torch.rand(2, 3, 32, 128)
    mask = torch.zeros(1, 32, 128) > 0
    with pytest.raises(ValueError, match=r'STN has no method grid.*TPSRectifier'):
        model(inputs, [sample('a', mask=mask), sample('b', mask=mask)], mode='loss')
    losses = model(inputs, [sample('a'), sample('b')], mode='loss')
    assert all(torch.isfinite(v) for v in losses.values())
