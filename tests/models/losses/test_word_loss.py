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


@pytest.mark.parametrize('dict_file, text', [('36', 'ab1'), ('62', 'Ab1'), ('94', 'Ab-1')])
def test_the_dictionary_decides_on_the_letter_case(dict_file, text):
    assert targets(dict_file) == targets(dict_file, letter_case='auto') == text


def test_a_letter_case_can_be_chosen():
    assert targets('94', letter_case='lower') == 'ab-1'
    assert targets('62', letter_case='upper') == 'AB1'
    assert targets('36', letter_case='unchanged') == 'b1'
    with pytest.raises(AssertionError):
        targets('36', letter_case='title')
