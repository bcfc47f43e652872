import itertools
import math

import pytest
import torch

from mmocr_siga.models.decoders.base import greedy_hypotheses
from mmocr_siga.models.layers import beam_search, merged, steps_nbest
from mmocr_siga.structures.words import Hypothesis

END, CLASSES, STEPS = 2, 4, 4
OTHERS = [c for c in range(CLASSES) if c != END]


def all_words(probability):
    """Every word and its probability, best first, by enumeration in float64."""
    words = {}
    for length in range(STEPS + 1):
        for word in itertools.product(OTHERS, repeat=length):
            tokens = [*word, END][:STEPS]
            words[word] = math.prod(probability(tuple(tokens[:t]), t)[token]
                                    for t, token in enumerate(tokens))
    assert sum(words.values()) == pytest.approx(1)
    return sorted(words.items(), key=lambda item: -item[1])


def check(found, words, count):
    assert len(found) == count
    for hypothesis, (tokens, probability) in zip(found, words):
        assert hypothesis.tokens == tokens
        assert hypothesis.probability == pytest.approx(probability, rel=1e-4)


@pytest.mark.parametrize('count', [1, 2, 7, 30])
def test_independent_steps_are_exact(count):
    logits = torch.randn(3, STEPS, CLASSES, dtype=torch.float64)
    probabilities = logits.softmax(-1)
    for found, table in zip(steps_nbest(probabilities, END, count), probabilities.tolist()):
        check(found, all_words(lambda prefix, t, table=table: table[t]), count)
        best = found[0]
        assert best.scores == pytest.approx([table[t][c] for t, c in enumerate(best.tokens)])


def toy_language(seed):
    """A model whose next character depends on the two before it and on the step."""
    table = torch.randn(2, STEPS, CLASSES + 1, CLASSES + 1, CLASSES, dtype=torch.float64,
                        generator=torch.Generator().manual_seed(seed)).mul(2).softmax(-1)

    def step(state, tokens, t):
        word, before = state['word'], state['before'][0]
        return table[word, t, before, tokens].log(), dict(word=word, before=(tokens, ))

    return table, step


def state_of(width):
    word = torch.arange(2).repeat_interleave(width)
    return dict(word=word, before=(torch.full_like(word, CLASSES), ))


@pytest.mark.parametrize('seed', range(5))
def test_a_beam_over_everything_is_brute_force(seed):
    table, step = toy_language(seed)
    width = 3 ** STEPS
    found = beam_search(step, state_of(width), 2, STEPS, CLASSES, END, width, 12)
    for word, hypotheses in enumerate(found):

        def probability(prefix, t, word=word):
            first, second = (CLASSES, CLASSES, *prefix)[-2:]
            return table[word, t, first, second].tolist()

        check(hypotheses, all_words(probability), 12)
    # A narrow beam finds words of the list with their probabilities, in order.
    for narrow, wide in zip(beam_search(step, state_of(2), 2, STEPS, CLASSES, END, 2, 3),
                            beam_search(step, state_of(width), 2, STEPS, CLASSES, END, width, 81)):
        values = [hypothesis.probability for hypothesis in narrow]
        assert values == sorted(values, reverse=True) and len(set(narrow)) == 3
        known = {h.tokens: h.probability for h in wide}
        for hypothesis in narrow:
            assert hypothesis.probability == pytest.approx(known[hypothesis.tokens], rel=1e-4)


def test_fewer_words_than_asked_for():
    # No step but the end is possible after one character.
    log_probabilities = torch.tensor([[0.5, 0.5, 0, 0], [0, 0, 1.0, 0]]).log()

    def step(state, tokens, t):
        return log_probabilities[min(t, 1)].expand(len(tokens), -1), state

    found, = beam_search(step, (), 1, STEPS, CLASSES, END, 3, 5)
    assert sorted(h.tokens for h in found) == [(0, ), (1, )]
    assert [h.probability for h in found] == pytest.approx([0.5, 0.5])
    with pytest.raises(ValueError, match='at least 1, got 1 and 0'):
        beam_search(step, (), 1, 2, 0, END, 1, 0)


def test_the_end_counts_where_a_word_ends():
    probabilities = torch.tensor([[[0.1, 0.7, 0.2], [0.3, 0.1, 0.6], [1, 0, 0]],
                                  [[0.1, 0.1, 0.8], [1, 0, 0], [1, 0, 0]],
                                  [[0.9, 0.05, 0.05]] * 3])
    first, second, endless = greedy_hypotheses(probabilities, 2)
    assert first.tokens == (1, ) and first.scores == pytest.approx((0.7, ))
    assert first.probability == pytest.approx(0.7 * 0.6)
    assert second.tokens == second.scores == () and second.probability == pytest.approx(0.8)
    for found in (endless, steps_nbest(probabilities[2:], 2, 1)[0][0]):
        assert found.tokens == (0, 0, 0) and found.probability == pytest.approx(0.9 ** 3)


def test_merging_keeps_the_better_of_equal_words():
    one = [Hypothesis((1, ), (0.5, ), 0.4), Hypothesis((2, ), (0.5, ), 0.1)]
    two = [Hypothesis((1, ), (0.6, ), 0.5), Hypothesis((3, ), (0.2, ), 0.2)]
    assert merged(one, two, 2) == [two[0], two[1]]
    assert merged(one, two, 9)[-1] == one[1]
