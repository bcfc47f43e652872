import pytest
import torch
from mmocr.registry import MODELS

from tests.helpers.words import DICTIONARY, sample

WORDS = ('ab', '', 'abcdefghij')


def build(**changes):
    torch.manual_seed(0)
    small = dict(num_layers=1, num_heads=2, inner_channels=8)
    cfg = dict(type='SRNDecoder', dictionary=dict(DICTIONARY), in_channels=6, channels=8,
               pvam=small, gsrm=small, max_seq_len=7)
    return MODELS.build({**cfg, **changes})


def feature(batch=3, width=5):
    return torch.randn(batch, 6, 2, width, generator=torch.Generator().manual_seed(1))


def test_three_losses_with_gradients_everywhere():
    decoder, x = build().train(), feature().requires_grad_()
    losses = decoder.loss(None, x, [sample(w) for w in WORDS])
    assert set(losses) == {'loss_word_visual', 'loss_word_semantic', 'loss_word'}
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in decoder.parameters())
    assert x.grad.abs().sum() > 0


def test_the_parts_are_put_together_as_in_the_paper():
    decoder, x = build().eval(), feature()
    with torch.no_grad():
        glimpses = decoder.pvam(x).glimpses
        reasoning = decoder.gsrm(glimpses)
        want = dict(word_visual=decoder.gsrm.classifier(glimpses),
                    word_semantic=reasoning.logits,
                    word=decoder.vsfd(glimpses, reasoning.features))
        got = decoder.decode(x).logits
        torch.testing.assert_close(got, want)
        torch.testing.assert_close(decoder(None, x), want['word'].softmax(-1))
    assert got['word'].shape == (3, 8, 37)


def test_padding_is_not_attended_to():
    decoder, x = build().eval(), feature(batch=2)
    samples = [sample('', valid_ratio=0.6), sample('')]
    before = decoder.predict(None, x, samples)[0].pred_text.score
    probabilities = decoder(None, x, samples)
    x[0, :, :, 3:] = 50
    torch.testing.assert_close(decoder(None, x, samples), probabilities)
    assert decoder.predict(None, x, samples)[0].pred_text.score == before
    x[1, :, :, 3:] = 50
    assert not torch.allclose(decoder(None, x, samples)[1], probabilities[1])


def test_without_an_encoder_the_last_map_is_read():
    decoder, x = build().eval(), feature()
    torch.testing.assert_close(decoder((torch.zeros(1), x), None), decoder(None, x))
    torch.testing.assert_close(decoder(x, None), decoder(None, x))


def test_cut_at_end_reaches_the_reasoning():
    assert build().gsrm.end_idx is None
    assert build(cut_at_end=True).gsrm.end_idx == 36


@pytest.mark.parametrize('file, classes', [('english_digits.txt', 63),
                                           ('english_digits_symbols_94.txt', 95)])
@pytest.mark.parametrize('length', [3, 30])
def test_other_character_sets_and_lengths(file, classes, length):
    decoder = build(dictionary={**DICTIONARY, 'dict_file': file}, max_seq_len=length).eval()
    assert decoder(None, feature(batch=1)).shape == (1, length + 1, classes)
    losses = decoder.loss(None, feature(), [sample(w, targets=False) for w in WORDS])
    assert all(value.isfinite() for value in losses.values())


def test_bfloat16():
    decoder = build().train()
    with torch.autocast('cpu', torch.bfloat16):
        losses = decoder.loss(None, feature(), [sample(w) for w in WORDS])
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in decoder.parameters())


def test_it_reads_what_it_was_taught():
    plain = dict(num_layers=1, num_heads=2, inner_channels=8, dropout=0.)
    decoder, x = build(pvam=plain, gsrm=plain).train(), feature(batch=4)
    words = ['ab', 'x1', 'abc', '']
    optimizer = torch.optim.Adam(decoder.parameters(), 2e-2)
    for _ in range(100):
        losses = decoder.loss(None, x, [sample(w) for w in words])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        if losses['loss_word'] < 0.1:
            break
    got = decoder.eval().predict(None, x, [sample('') for _ in words])
    assert [s.pred_text.item for s in got] == words
