import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.apis import transfer_dictionary
from mmocr_siga.models.utils.weights import WeightsMismatchError
from tests.helpers.words import sample, tiny_model_of

LOWER36 = '0123456789abcdefghijklmnopqrstuvwxyz'


def build(name):
    return MODELS.build(tiny_model_of(name))


@pytest.fixture(scope='module')
def narrow():
    torch.manual_seed(3)
    return build('36').eval()


@pytest.mark.parametrize('source', [LOWER36, LOWER36.upper()])
def test_classifier_and_embedding_by_hand(narrow, source):
    """Rows come from the same character or its other case."""
    wide = build('94')
    weights = transfer_dictionary(narrow.state_dict(), wide, source)
    wide.load_state_dict(weights)
    old, new = narrow.decoder.dictionary, wide.decoder.dictionary
    for name in ('decoder.reader.classifier.weight', 'decoder.reader.embedding.weight'):
        before, after = narrow.state_dict()[name], weights[name]
        assert torch.equal(after[new.dict.index('q')], before[old.dict.index('q')])
        assert torch.equal(after[new.dict.index('Q')], before[old.dict.index('q')])
        torch.testing.assert_close(after[new.dict.index('!')], before[:36].mean(0))
        assert torch.equal(after[new.end_idx], before[old.end_idx])
        # The start token of the embedding.
        assert len(after) - len(before) == 94 - 36 and torch.equal(after[-1], before[-1])


def test_the_wide_model_reads_as_the_narrow_one(narrow):
    # A capital's logit equals the small letter's and a symbol's is a mean: neither comes first.
    wide = build('94').eval()
    wide.load_state_dict(transfer_dictionary(narrow.state_dict(), wide, LOWER36))
    inputs = torch.randn(6, 3, 32, 128)
    read = [[s.pred_text.item for s in model.predict(inputs, [sample('') for _ in inputs])]
            for model in (narrow, wide)]
    assert read[0] == read[1] and any(read[0])


def test_fewer_characters_and_what_does_not_fit(narrow):
    weights = build('62').state_dict()
    fewer = transfer_dictionary(weights, build('36'), LOWER36 + LOWER36[10:].upper())
    name = 'decoder.reader.classifier.bias'
    assert torch.equal(fewer[name][:36], weights[name][:36])
    wide = build('94')
    with pytest.raises(WeightsMismatchError, match='more differs than a dictionary of 10'):
        transfer_dictionary(narrow.state_dict(), wide, '0123456789')
    weights = dict(narrow.state_dict())
    del weights['decoder.reader.classifier.bias']
    with pytest.raises(WeightsMismatchError, match='another model.*classifier.bias'):
        transfer_dictionary(weights, wide, LOWER36)
