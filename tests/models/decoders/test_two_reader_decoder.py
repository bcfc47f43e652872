import copy

import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS

from tests.conftest import REPO
from tests.helpers.words import sample


@pytest.fixture(scope='module')
def model():
    cfg = Config.fromfile(REPO / 'configs/_base_/models/lcnet_v4_siga.py').model
    torch.manual_seed(0)
    return MODELS.build(copy.deepcopy(cfg))


def words(*texts):
    torch.manual_seed(1)
    return (torch.randn(len(texts), 3, 48, 160),
            [sample(text, targets=False) for text in texts])


def test_losses_of_both_readers_and_of_the_glyphs(model):
    images, samples = words('Ab', '', 'x' * 30)
    losses = model.train().loss(images, samples)
    assert {'loss_ctc', 'loss_second_word', 'loss_second_word_fine', 'loss_mask',
            'loss_glyph_fine'} <= set(losses)
    assert losses['unalignable'].item() == 1  # 30 characters in 20 columns
    total = sum(loss for name, loss in losses.items() if name.startswith('loss'))
    total.backward()
    assert torch.isfinite(total) and model.encoder.sequence.reduce[0].weight.grad.abs().sum() > 0


@torch.no_grad()
def test_the_surer_reader_reads(model):
    images, samples = words('a', 'b')
    model.eval()
    encoding = model.encoder(model.extract_feat(images), samples)
    decoder, end = model.decoder, model.decoder.dictionary.end_idx
    readings = [reader.forward_test(None, encoding) for reader in (decoder.first, decoder.second)]

    def probability(reading):
        scores, tokens = reading.max(-1)
        length = tokens.tolist().index(end) if end in tokens else len(tokens)
        return scores[:length + 1].log().sum()

    for preference in (-1e6, 0.0, 1e6):
        decoder.preference = preference
        read = decoder.forward_test(None, encoding)
        for i in range(2):
            one, other = (reading[i] for reading in readings)
            chosen = other if probability(other) > probability(one) + preference else one
            assert torch.allclose(read[i, :len(chosen)], chosen, atol=1e-5)
            assert (read[i, len(chosen):].argmax(-1) == end).all()
    decoder.preference = 0.0
    # Places are the first reader's, whichever has read.
    torch.testing.assert_close(decoder.attention_of(None, encoding, [(1, 2), (3, )], samples),
                               decoder.first.attention_of(None, encoding, [(1, 2), (3, )], samples))


def test_readers_that_wait_for_each_other_are_refused(model):
    dictionary = dict(type='WordDictionary', dict_file='36', with_end=True, with_padding=True)
    with pytest.raises(ValueError, match='ImplicitAttentionDecoder reads step by step'):
        MODELS.build(dict(
            type='TwoReaderDecoder', dictionary=dictionary,
            first=dict(type='CTCDecoder'), second=dict(type='ImplicitAttentionDecoder')))
