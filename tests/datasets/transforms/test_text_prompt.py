import numpy as np
import pytest

from mmocr_siga.datasets import TextPrompt
from tests.helpers.odm import results_of

BOX = [0, 0, 9, 0, 9, 9, 0, 9]
WORDS = [f'w{i}' for i in range(20)]


def prompted(texts, seed=0, ignored=None, **options):
    np.random.seed(seed)
    results = results_of([(BOX, text) for text in texts], ignored=ignored)
    return TextPrompt(**options)(results)


@pytest.mark.parametrize('seed', range(20))
def test_shares_of_dropped_words_and_decoys(seed):
    out = prompted(WORDS, seed, prob=1.0)
    gone = np.array(WORDS)[out['gt_dropped']].tolist()
    kept = [text for text, word in zip(out['prompt_texts'], out['prompt_words']) if word >= 0]
    decoys = [text for text, word in zip(out['prompt_texts'], out['prompt_words']) if word < 0]
    assert 2 <= len(gone) <= 6 and 2 <= len(decoys) <= 6
    assert sorted(kept + gone) == sorted(WORDS) and not set(decoys) & set(WORDS)
    assert [WORDS[word] for word in out['prompt_words'] if word >= 0] == kept
    again = prompted(WORDS, seed, prob=1.0)
    assert again['prompt_texts'] == out['prompt_texts']


def test_both_happen_half_of_the_time_independently():
    seen = [prompted(WORDS, seed) for seed in range(200)]
    kinds = [(out['gt_dropped'].any(), -1 in out['prompt_words']) for out in seen]
    # Binomial: four standard deviations are 0.12.
    for kind in ((False, False), (False, True), (True, False), (True, True)):
        assert kinds.count(kind) / 200 == pytest.approx(.25, abs=.13)


def test_one_word_none_and_more_than_the_prompt_holds():
    out = prompted(['one'], prob=1.0)
    assert out['prompt_texts'] == [] and out['gt_dropped'].tolist() == [True]
    # What is left may be a decoy alone: another word than that of the picture draws nothing.
    out = prompted(['one'], prob=1.0, noise=(1, 1))
    assert out['prompt_texts'] == ['pof'] and out['prompt_words'] == [-1]
    out = prompted([], prob=1.0, noise=(1, 1))
    assert out['prompt_texts'] == [] and out['gt_dropped'].shape == (0, )
    many = [f'{i}' for i in range(40)]
    out = prompted(many, prob=0.0)
    assert len(out['prompt_texts']) == 32 and out['gt_dropped'].sum() == 8
    assert len(prompted(many, prob=1.0, drop=None)['prompt_texts']) == 32
    switched_off = prompted(WORDS, prob=1.0, drop=None, noise=None)
    assert switched_off['prompt_texts'] == WORDS and not switched_off['gt_dropped'].any()


def test_words_that_say_the_same_are_dropped_together_and_ignored_ones_not_asked_for():
    for seed in range(10):
        out = prompted(['a', 'b', 'a', 'c', 'a'], seed, prob=1.0, noise=None, drop=(.2, .2))
        assert out['gt_dropped'][[0, 2, 4]].tolist() in ([True] * 3, [False] * 3)
    out = prompted(['a', 'b', 'é', '', None], ignored=[True, False, False, False, True], prob=0.0)
    assert out['prompt_texts'] == ['b'] and out['words_left_out'] == 2
    assert out['gt_ignored'].tolist() == [True, False, True, True, True]


def test_decoys():
    shift = TextPrompt()
    # The order of the dictionary: digits, small letters, capitals, symbols; the last goes round.
    assert shift.decoy('aZ9~') == 'b!a0'
    # 'b' is a word of the picture: it is no decoy for 'a'.
    for seed in range(10):
        out = prompted(['a', 'b'], seed, prob=1.0, drop=None, noise=(.5, .5))
        assert [t for t, w in zip(out['prompt_texts'], out['prompt_words']) if w < 0] == ['c']
    np.random.seed(0)
    lexicon = TextPrompt(decoys='lexicon')
    for text in ('HOUSE', 'House', 'house'):
        decoy = lexicon.decoy(text)
        assert len(decoy) == 5 and (decoy.isupper(), decoy.islower()) == (
            text.isupper(), text.islower())


@pytest.mark.parametrize('options', [dict(prob=2), dict(drop=(.5, .1)), dict(noise=(0, 2)),
                                     dict(decoys='none'), dict(max_words=0)])
def test_wrong_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        TextPrompt(**options)
