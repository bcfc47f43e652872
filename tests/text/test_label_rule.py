import pytest

from mmocr_siga.text import WordDictionary
from mmocr_siga.text.label_rule import LabelRule, single_label

LOWER = WordDictionary('36', with_end=True, with_unknown=True, unknown_token=None)
MIXED = WordDictionary('62', with_start=True, with_end=True, with_padding=True, with_unknown=True)


@pytest.mark.parametrize('text, label, reason, dropped', [
    ('word', 'word', None, False),
    ('WoRD', 'word', None, False),
    ("it's -", 'its', None, True),
    ('', '', 'has an empty label', False),
    ('...', '', 'has no known character', True),
    ('\u00a3...', '', 'has no known character', True),
    ('Caf\u00e9 \u00c5b\u0142', 'cafe ab\u0142', 'has letters that the dictionary lacks', False),
    ('ESPA\u00d1OL \u00a350', 'espanol50', None, True),
    ('vie\u0323\u0302t', 'viet', None, True),
    ('\u4e2d\u6587', '\u4e2d\u6587', 'has letters that the dictionary lacks', False),
    ('a' * 25, 'a' * 25, None, False),
    ('a' * 26, 'a' * 26, 'has a label longer than 25 characters', False),
    ('a-' * 25, 'a' * 25, None, True),
    # Lower case of this letter is i and a combining dot.
    ('\u0130', 'i', None, True)])
def test_dropping_and_skipping(text, label, reason, dropped):
    assert LabelRule(LOWER)(text) == (label, reason, dropped)
    skipping = LabelRule(LOWER, unknown='skip')(text)
    unknown = dropped or 'dictionary' in (reason or '')
    assert skipping.reason == ('has unknown characters' if unknown else reason)


@pytest.mark.parametrize('dictionary, letter_case, label', [
    (MIXED, 'unchanged', 'aB'), (MIXED, 'upper', 'AB'), (LOWER, 'unchanged', 'a'),
    # What the dictionary asks for.
    (MIXED, 'auto', 'aB'), (LOWER, 'auto', 'ab')])
def test_letter_cases(dictionary, letter_case, label):
    assert LabelRule(dictionary, letter_case=letter_case)('aB-').label == label


IN_QUOTES = 'for a label, not text: write it in quotes'


@pytest.mark.parametrize('info, label, problem', [
    (dict(instances=[dict(text='a')]), 'a', ''), (dict(instances=[dict(text='')]), '', ''),
    (dict(instances=[dict(text='cafe\u0301 \ufb01')]), 'caf\u00e9 \ufb01', ''),
    (dict(instances=[dict(text=2024)]), '2024', ''), (dict(instances=[dict(text=-7)]), '-7', ''),
    (dict(instances=[dict(text=1.0)]), None, f'has a number that is not whole {IN_QUOTES}'),
    (dict(instances=[dict(text=True)]), None, f'has true or false {IN_QUOTES}'),
    (dict(instances=[dict(text=None)]), None, f'has null {IN_QUOTES}'),
    (dict(instances=[dict(text=['a'])]), None, f'has a list {IN_QUOTES}'),
    (dict(instances=[dict(text='a\0')]), None, 'has a label that holds NUL characters'),
    (dict(instances=[dict(text='\ud83d')]), None, 'has a label that holds one half'),
    (dict(instances=[dict(text='a'), dict(text='b')]), None, 'has several labels'),
    (dict(instances=[]), None, 'has no label'), ({}, None, 'has no label'),
    (dict(instances=[dict(bbox=[])]), None, 'has no label'),
    (dict(instances=dict(text='a')), None, 'has instances that are no list of objects'),
    (dict(instances=[dict(text='a')], problem='is faulty'), None, 'is faulty')])
def test_single_label(info, label, problem):
    text, told = single_label(info)
    assert text == label and told.startswith(problem) and bool(told) == (label is None)


def test_accents_are_composed_before_they_are_looked_up(tmp_path):
    (tmp_path / 'chars.txt').write_text('\n'.join('caf\u00e9vi\u1ec7t'), encoding='utf-8')
    rule = LabelRule(WordDictionary(str(tmp_path / 'chars.txt')))
    assert rule('CAFE\u0301').label == 'caf\u00e9'
    assert rule('vie\u0323\u0302t') == ('vi\u1ec7t', None, False)


def test_the_original_is_kept_where_it_differs():
    its = dict(instances=[dict(text='its')])
    assert LabelRule(LOWER).apply(dict(instances=[dict(text="It's")])) == dict(its, ori_text="It's")
    assert LabelRule(LOWER).apply(dict(instances=[dict(text='its')])) == its


@pytest.mark.parametrize('wrong', [
    dict(letter_case='title'), dict(unknown='keep'), dict(max_seq_len=0)])
def test_arguments_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LabelRule(LOWER, **wrong)
