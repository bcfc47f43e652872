import pytest

from mmocr_siga.text import WordDictionary, dictionary_characters
from mmocr_siga.text.label_rule import LabelRule, single_label

LOWER = WordDictionary(
    'lower_english_digits.txt', with_end=True, with_unknown=True, unknown_token=None)
MIXED = WordDictionary(
    'english_digits.txt', with_start=True, with_end=True, with_padding=True, with_unknown=True)


def test_special_tokens_are_no_characters():
    assert len(dictionary_characters(LOWER)) == 36
    assert len(dictionary_characters(MIXED)) == 62
    one_letter = WordDictionary('lower_english_digits.txt', with_end=True, end_token='#')
    assert '#' not in dictionary_characters(one_letter)


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
    (None, '', 'have no label, or several', False),
])
def test_dropping(text, label, reason, dropped):
    assert LabelRule(LOWER)(text) == (label, reason, dropped)


@pytest.mark.parametrize('text, reason', [
    ('word', None),
    ("it's", 'contain unknown characters'),
    ('', 'are empty'),
    (None, 'have no label, or several'),
])
def test_skipping(text, reason):
    assert LabelRule(LOWER, unknown='skip')(text).reason == reason


def test_letter_cases():
    assert LabelRule(MIXED, letter_case='unchanged')('aB-').label == 'aB'
    assert LabelRule(MIXED, letter_case='upper')('aB').label == 'AB'
    assert LabelRule(LOWER, letter_case='unchanged')('aB').label == 'a'
    # What the dictionary asks for, where nothing is said.
    assert LabelRule(MIXED)('aB-').label == 'aB'
    assert LabelRule(LOWER, letter_case='auto')('aB-').label == 'ab'


@pytest.mark.parametrize('info, text', [
    (dict(instances=[dict(text='a')]), 'a'),
    (dict(instances=[dict(text='')]), ''),
    (dict(instances=[dict(text=12)]), None),
    (dict(instances=[dict(text=None)]), None),
    (dict(instances=[dict(bbox=[])]), None),
    (dict(instances=[dict(text='a'), dict(text='b')]), None),
    (dict(instances=[]), None),
    ({}, None),
])
def test_single_label(info, text):
    assert single_label(info) == text


def test_the_original_is_kept_where_it_differs():
    results = LabelRule(LOWER).apply(dict(instances=[dict(text="It's")]))
    assert results == dict(instances=[dict(text='its')], ori_text="It's")
    results = LabelRule(LOWER).apply(dict(instances=[dict(text='its')]))
    assert results == dict(instances=[dict(text='its')])


@pytest.mark.parametrize('wrong', [
    dict(letter_case='title'), dict(unknown='keep'), dict(max_seq_len=0)
])
def test_arguments_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LabelRule(LOWER, **wrong)
