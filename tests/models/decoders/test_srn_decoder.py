import pytest
import torch
from mmocr.registry import MODELS

from tests.helpers.words import DICTIONARY, END, sample


def build(**changes):
    torch.manual_seed(0)
    small = dict(num_layers=1, num_heads=2, inner_channels=8)
    cfg = dict(type='SRNDecoder', dictionary=dict(DICTIONARY), in_channels=6, channels=8,
               pvam=small, gsrm=small, max_seq_len=7)
    return MODELS.build({**cfg, **changes})


def feature(batch=3, width=5):
    return torch.randn(batch, 6, 2, width, generator=torch.Generator().manual_seed(1))


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
        for given in ((None, x), (x, None), ((torch.zeros(1), x), None)):  # or the last map
            torch.testing.assert_close(decoder(*given), want['word'].softmax(-1))
    assert got['word'].shape == (3, 8, 37)
    assert decoder.gsrm.end_idx is None and build(cut_at_end=True).gsrm.end_idx == END


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


@pytest.mark.parametrize('length', [3, 30])
def test_other_lengths(length):
    decoder = build(max_seq_len=length).eval()
    assert decoder(None, feature(batch=1)).shape == (1, length + 1, 37)
    losses = decoder.loss(None, feature(batch=2), [sample('abcdefghij'), sample('')])
    assert all(value.isfinite() for value in losses.values())
