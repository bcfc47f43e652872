import pytest
import torch
from mmocr.registry import MODELS

from tests.helpers.words import DICTIONARY, sample, tiny_model


def build(**changes):
    torch.manual_seed(0)
    return MODELS.build(tiny_model(**changes))


def test_reading_never_touches_the_head():
    model = build().eval()
    without = build(glyph_head=None).eval()
    missing = without.load_state_dict(model.state_dict(), strict=False)
    assert not missing.missing_keys
    assert all(key.startswith('glyph_head.') for key in missing.unexpected_keys)

    class Trap(torch.nn.Module):

        def __getattr__(self, name):
            raise AssertionError(f'reading touched the head: {name}')

    inputs = torch.randn(3, 3, 32, 128)
    expected = without(inputs, mode='tensor')
    assert torch.equal(model(inputs, mode='tensor'), expected)
    model.__dict__['_modules']['glyph_head'] = Trap.__new__(Trap)
    assert torch.equal(model._forward(inputs), expected)
    texts = [s.pred_text.item for s in model.predict(inputs, [sample('') for _ in range(3)])]
    got = without.predict(inputs, [sample('') for _ in range(3)])
    assert texts == [s.pred_text.item for s in got]


def test_training_step_moves_every_weight():
    model = build().train()
    losses = model(torch.randn(4, 3, 32, 128), [sample(w) for w in ('ab', 'c', '', 'defg')],
                   mode='loss')
    assert len(losses) == 12
    sum(losses.values()).backward()
    still = [n for n, p in model.named_parameters() if p.grad is None]
    assert not still


def test_gray_undoes_the_normalisation():
    model = build()
    images = torch.randint(0, 256, (2, 3, 8, 12), dtype=torch.uint8)  # BGR
    data = model.data_preprocessor(
        dict(inputs=list(images), data_samples=[sample('a'), sample('b')]), False)
    bgr = images.double()
    want = 0.114 * bgr[:, 0] + 0.587 * bgr[:, 1] + 0.299 * bgr[:, 2]
    torch.testing.assert_close(model.gray(data['inputs']), want.float(), atol=1e-3, rtol=0)


def test_gray_without_normalisation_or_colour():
    model = build(data_preprocessor=dict(type='TextRecogDataPreprocessor'))
    one = torch.rand(1, 1, 4, 4) * 255
    torch.testing.assert_close(model.gray(one), one[:, 0])
    same = torch.full((1, 3, 4, 4), 77.)
    torch.testing.assert_close(model.gray(same), torch.full((1, 4, 4), 77.))


def test_channels_last_reads_the_same():
    model, other = build().eval(), build(channels_last=True).eval()
    other.load_state_dict(model.state_dict())
    inputs = torch.randn(2, 3, 32, 128)
    assert other.backbone.layer1[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(other(inputs, mode='tensor'), model(inputs, mode='tensor'),
                               rtol=1e-4, atol=1e-5)


def test_an_unknown_argument_is_refused():
    with pytest.raises(TypeError, match='glyph_heads'):
        build(glyph_heads=None)


def test_it_reads_what_it_was_taught():
    words = ['ab', 'x1', 'abc', 'q']
    images = torch.zeros(4, 3, 32, 128)
    for n in range(4):
        images[n, n % 3, 8:24, 30 * n:30 * n + 25] = 2
    model = build(
        encoder=dict(type='SIGAEncoder', in_channels=(4, 8, 8), row_convs=1, fusion_channels=8,
                     hidden_size=24, max_seq_len=7),
        decoder=dict(type='SIGADecoder', dictionary=dict(DICTIONARY), in_channels=24,
                     hidden_size=24, output_size=32, max_seq_len=7),
        glyph_head=None).train()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(300):
        losses = model(images, [sample(w) for w in words], mode='loss')
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        if losses['loss_word'] < 0.02:
            break
    model.eval()
    got = model.predict(images, [sample('') for _ in words])
    assert [s.pred_text.item for s in got] == words
