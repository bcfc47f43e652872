"""CTC against sums and maxima over all paths of small models."""
import math
from itertools import product

import pytest
import torch
from mmocr.registry import MODELS, TASK_UTILS

from mmocr_siga.models.decoders import CTCDecoder
from tests.helpers.words import DICTIONARY, index, sample

COLUMNS = 4
A, B = index('ab')


@pytest.fixture
def decoder():
    """Knows 36 characters, and says 'a', 'b' and the blank only."""
    torch.manual_seed(0)
    decoder = MODELS.build(dict(
        type='CTCDecoder', dictionary=dict(DICTIONARY, with_padding=True), in_channels=3,
        max_seq_len=5))
    assert isinstance(decoder, CTCDecoder)
    others = [k for k in range(decoder.num_classes) if k not in (A, B, decoder.blank)]
    decoder.classifier.bias.data[others] = -100
    return decoder.eval().requires_grad_(False)


def collapsed(path, blank):
    return tuple(k for i, k in enumerate(path) if k != blank and (i == 0 or path[i - 1] != k))


def paths_of_words(decoder, sequence):
    """Word -> probabilities of its paths, by the definition."""
    columns = decoder.columns(decoder.prepare(sequence))[0].double().exp()
    words = {}
    for path in product((A, B, decoder.blank), repeat=len(columns)):
        p = math.prod(float(columns[t, k]) for t, k in enumerate(path))
        words.setdefault(collapsed(path, decoder.blank), []).append(p)
    assert sum(map(sum, words.values())) == pytest.approx(1)
    return words


@pytest.mark.parametrize('seed', range(6))
def test_reading_is_the_most_probable_path(decoder, seed):
    sequence = 4 * torch.randn(1, COLUMNS, 3, generator=torch.Generator().manual_seed(seed))
    best, word = max((max(paths), word) for word, paths in
                     paths_of_words(decoder, sequence).items())
    probabilities = decoder.forward_test(None, sequence)[0]
    scores, tokens = probabilities.max(-1)
    length = tokens.tolist().index(decoder.dictionary.end_idx)
    assert tuple(tokens[:length].tolist()) == word
    assert probabilities.sum(-1).tolist() == pytest.approx([1] * len(probabilities))
    assert float(scores[:length + 1].prod()) == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize('seed', range(4))
def test_nbest_are_sums_over_paths(decoder, seed):
    sequence = 2 * torch.randn(2, COLUMNS, 3, generator=torch.Generator().manual_seed(seed))
    for one, found in zip(sequence, decoder.nbest(sequence, 4, width=50)):
        words = paths_of_words(decoder, one[None])
        expected = sorted((sum(paths) for paths in words.values()), reverse=True)[:4]
        assert [h.probability for h in found] == pytest.approx(expected, rel=1e-4)
        assert [sum(words[h.tokens]) for h in found] == pytest.approx(expected, rel=1e-4)
        assert all(len(h.scores) == len(h.tokens) for h in found)


@pytest.mark.parametrize('texts', [['ab'], ['', 'a', 'abba'], ['aa', 'bbb']])
def test_loss_is_the_sum_over_paths(decoder, texts):
    sequence = torch.randn(len(texts), COLUMNS, 3).requires_grad_()
    samples = decoder.module_loss.get_targets([sample(text, targets=False) for text in texts])
    losses = decoder.loss(None, sequence, samples)
    expected, missing = 0, 0
    for one, text in zip(sequence, texts):
        paths = paths_of_words(decoder, one[None].detach()).get(tuple(index(text)))
        missing += paths is None
        expected -= 0 if paths is None else math.log(sum(paths)) / max(len(text), 1)
    assert losses['loss_ctc'].item() == pytest.approx(expected / len(texts), rel=1e-4)
    assert losses['unalignable'].item() == missing
    losses['loss_ctc'].backward()
    assert torch.isfinite(sequence.grad).all()


def test_label_and_attention(decoder):
    """Forced to the label, characters look at the columns of the best alignment."""
    sequence = torch.zeros(1, 6, 3)
    decoder.classifier.weight.zero_()
    decoder.classifier.bias[[A, B, decoder.blank]] = torch.tensor([0., -1, 3])
    decoder.classifier.weight[B, 0] = 9
    sequence[0, 4, 0] = 1  # 'b' in the fifth column
    samples = decoder.module_loss.get_targets([sample('ab', targets=False)])
    targets = decoder.targets(samples, torch.device('cpu'))
    decoded = decoder.decode(sequence, samples, targets.tokens)
    assert decoded.logits['word'].shape == (1, 3, decoder.num_classes)
    assert (decoded.attention[0, 1] > 0).nonzero().flatten().tolist()[-1] == 5
    assert decoded.attention.sum(2)[0].tolist() == pytest.approx([1, 1, 0])
    # Also of words in place of labels, those of a batch of different lengths.
    words = decoder.attention_of(None, sequence.repeat(3, 1, 1), [(A, B), (), (B, )], samples)
    assert words.shape == (3, 2, 6) and torch.equal(words[0], decoded.attention[0, :2])
    assert not words[1].any() and words[2, 0, 4] > 0 and not words[2, 1].any()


def test_padding_is_left_out_where_asked(decoder):
    sequence = torch.randn(1, 8, 3, generator=torch.Generator().manual_seed(1))
    decoder.mask_padding = True
    found = decoder.forward_test(None, sequence, torch.tensor([0.5]))
    alone = decoder.forward_test(None, sequence[:, :4])
    steps = alone[0].argmax(-1).tolist().index(decoder.dictionary.end_idx) + 1
    assert steps > 1 and torch.allclose(found[:, :steps], alone[:, :steps], atol=1e-5)


def test_a_map_is_read_as_the_mean_of_its_rows(decoder):
    rows = torch.randn(2, 3, 4, COLUMNS, generator=torch.Generator().manual_seed(0))
    mean = sum(rows[:, :, i] for i in range(4)) / 4
    torch.testing.assert_close(decoder.columns(decoder.prepare(rows)),
                               decoder.columns(decoder.prepare(mean.transpose(1, 2))))


def test_a_dictionary_without_a_blank_is_refused():
    dictionary = TASK_UTILS.build(dict(type='WordDictionary', dict_file='36', with_end=True))
    with pytest.raises(ValueError, match='with_padding=True'):
        CTCDecoder(dictionary)
