import pytest

from mmocr_siga.text import WordDictionary
from mmocr_siga.text.label_rule import LabelRule, single_label

LOWER = WordDictionary('36', with_end=True, with_unknown=True, unknown_token=None)
MIXED = WordDictionary('62', with_start=True, with_end=True, with_padding=True, with_unknown=True)


@pytest.mark.parametrize('text, label, reason, dropped', [
    ('word', 'word', None, False),
    ('WoRD', 'word', None, False),
    ("it's -", 'its', None, True),
    ('', '', 'are empty', False),
    ('...', '', 'hold no known character', True),
    ('\u4e2d\u6587', '', 'hold no known character', True),
    ('a' * 25, 'a' * 25, None, False),
    ('a' * 26, 'a' * 26, 'are longer than 25 characters', False),
    ('a-' * 25, 'a' * 25, None, True),
    # Lower case of this letter is i and a combining dot.
    ('\u0130', 'i', None, True),
    (None, '', 'have no label, or several', False)])
def test_dropping_and_skipping(text, label, reason, dropped):
    assert LabelRule(LOWER)(text) == (label, reason, dropped)
    skipping = LabelRule(LOWER, unknown='skip')(text)
    assert skipping.reason == ('contain unknown characters' if dropped else reason)


@pytest.mark.parametrize('dictionary, letter_case, label', [
    (MIXED, 'unchanged', 'aB'), (MIXED, 'upper', 'AB'), (LOWER, 'unchanged', 'a'),
    # What the dictionary asks for.
    (MIXED, 'auto', 'aB'), (LOWER, 'auto', 'ab')])
def test_letter_cases(dictionary, letter_case, label):
    assert LabelRule(dictionary, letter_case=letter_case)('aB-').label == label


@pytest.mark.parametrize('texts, label', [
    (['a'], 'a'), ([''], ''), ([12], None), ([None], None), (['a', 'b'], None), ([], None)])
def test_single_label(texts, label):
    assert single_label(dict(instances=[dict(text=text) for text in texts])) == label
    assert single_label({}) is single_label(dict(instances=[dict(bbox=[])])) is None


def test_the_original_is_kept_where_it_differs():
    its = dict(instances=[dict(text='its')])
    assert LabelRule(LOWER).apply(dict(instances=[dict(text="It's")])) == dict(its, ori_text="It's")
    assert LabelRule(LOWER).apply(dict(instances=[dict(text='its')])) == its


@pytest.mark.parametrize('wrong', [
    dict(letter_case='title'), dict(unknown='keep'), dict(max_seq_len=0)])
def test_arguments_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LabelRule(LOWER, **wrong)
