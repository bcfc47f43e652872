import pytest
from mmengine.structures import LabelData
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample


def targets(dict_file, **kwargs):
    dictionary = dict(type='WordDictionary', dict_file=dict_file, with_end=True,
                      with_unknown=True, unknown_token=None)
    loss = MODELS.build(dict(type='WordLoss', dictionary=dictionary, **kwargs))
    sample = TextRecogDataSample()
    sample.gt_text = LabelData(item='Ab-1')
    loss.get_targets([sample])
    return loss.dictionary.idx2str(sample.gt_text.indexes.tolist())


@pytest.mark.parametrize('dict_file, options, text', [
    ('36', {}, 'ab1'), ('62', {}, 'Ab1'), ('94', {}, 'Ab-1'),
    ('36', dict(letter_case='auto'), 'ab1'), ('94', dict(letter_case='auto'), 'Ab-1'),
    ('94', dict(letter_case='lower'), 'ab-1'), ('62', dict(letter_case='upper'), 'AB1'),
    ('36', dict(letter_case='unchanged'), 'b1')])
def test_the_dictionary_decides_on_the_letter_case_unless_it_is_chosen(dict_file, options, text):
    assert targets(dict_file, **options) == text
    with pytest.raises(AssertionError):
        targets('36', letter_case='title')
