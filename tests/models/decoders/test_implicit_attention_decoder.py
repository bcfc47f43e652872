import torch
from mmocr.registry import MODELS

from tests.helpers.words import DICTIONARY, END, START, random_encoding


def build():
    torch.manual_seed(0)
    return MODELS.build(dict(type='ImplicitAttentionDecoder', dictionary=dict(DICTIONARY),
                             in_channels=8, hidden_size=6, max_seq_len=7))


def test_reading_equals_teacher_forcing_with_its_own_characters():
    decoder, encoding = build().eval(), random_encoding()
    with torch.no_grad():
        decoder.cell.classifier.bias[END] -= 100  # no word ends: all steps are run
    probabilities = decoder(None, encoding)
    read = probabilities.argmax(-1)
    tokens = torch.cat([torch.full((3, 1), START), read[:, :-1]], 1)
    logits, _ = decoder.cell(encoding.context, tokens)
    torch.testing.assert_close(probabilities, logits.softmax(-1))
