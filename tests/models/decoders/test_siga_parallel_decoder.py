import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.decoders.siga_parallel_decoder import _presence, column_shares
from tests.helpers.words import DICTIONARY, random_encoding, sample

GSRM = dict(type='GSRM', num_layers=1, num_heads=2, inner_channels=8)
WORDS = ('ab', '', 'abcdefghij')


def build(**changes):
    torch.manual_seed(0)
    cfg = dict(type='SIGAParallelDecoder', dictionary=dict(DICTIONARY), in_channels=8,
               output_size=10, max_seq_len=7, dropout=0.0)
    return MODELS.build({**cfg, **changes})


@torch.no_grad()
@pytest.mark.parametrize('changes', [dict(), dict(reasoning=GSRM), dict(visual=None)])
@pytest.mark.parametrize('words, steps', [(('ab', '', 'c'), 3), (WORDS, 8)])
def test_training_computes_what_is_read_up_to_the_longest_word(changes, words, steps):
    decoder, encoding = build(**changes).eval(), random_encoding()
    outputs = decoder.forward_train(None, encoding, [sample(w) for w in words])
    assert {logits.shape for logits in outputs.logits.values()} == {(3, steps, 37)}
    probabilities = decoder(None, encoding)
    assert probabilities.shape == (3, 8, 37)
    torch.testing.assert_close(probabilities[:, :steps], outputs.logits['word'].softmax(-1))


def test_padding_columns_change_nothing():
    valid = torch.tensor([[True] * 4 + [False] * 2] * 3)
    decoder, encoding = build().eval(), random_encoding(valid=valid)
    before = decoder(None, encoding)
    encoding.context[:, 4:] = 100
    encoding.glyph_maps['coarse'][..., 4:] = torch.randn(3, 9, 4, 2)
    torch.testing.assert_close(decoder(None, encoding), before)
    assert not torch.allclose(decoder(None, encoding._replace(valid=None)), before)


@torch.no_grad()
def test_glyph_maps_tell_where_to_look():
    decoder, encoding = build().eval(), random_encoding(batch=1)
    maps = torch.zeros(1, 9, 4, 6)
    maps[:, 0] = 5  # background everywhere,
    for t in range(6):  # and one column a character
        maps[:, t + 1, :, t] = 20
    decoder.visual.query.weight.zero_()
    shares = column_shares(maps, 6)
    glyph = torch.zeros(1, 8, 8)
    attention = decoder.visual(encoding.context, None, glyph, shares.clamp(min=0.01).log())[1]
    assert (attention[0, :6].argmax(-1) == torch.arange(6)).all()
    assert (attention[0, :6].amax(-1) > 0.9).all()
    # Steps behind the word see all columns alike.
    torch.testing.assert_close(attention[0, 6:], torch.full((2, 6), 1 / 6))
    presence = _presence(shares.clamp(min=0.01).log(), None)[0, :, 0]
    assert (presence[:6] > 2.2).all() and (presence[6:] < -2.2).all()


def test_column_shares_by_hand_and_at_another_width():
    maps = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    maps[0, 1, 0, 0] = 100.  # the first character claims half of the first column
    got = column_shares(maps, 2)
    torch.testing.assert_close(got, torch.tensor([[[(1 + 1 / 3) / 2, 1 / 3], [1 / 6, 1 / 3]]])
                               .double())
    wide = column_shares(maps, 4)
    torch.testing.assert_close(wide[..., 0], got[..., 0])
    torch.testing.assert_close(wide[..., 1], 0.75 * got[..., 0] + 0.25 * got[..., 1])


def test_an_encoder_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match='max_seq_len=7.*max_seq_len=9'):
        build(max_seq_len=9).eval()(None, random_encoding())
    with pytest.raises(ValueError, match='set its pyramid'):
        build().eval()(None, random_encoding()._replace(glyph_features={}, glyph_maps={}))
