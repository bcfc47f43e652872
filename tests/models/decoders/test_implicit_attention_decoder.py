import torch
from mmocr.registry import MODELS

from tests.helpers.words import DICTIONARY, END, START, random_encoding, sample


def build():
    torch.manual_seed(0)
    return MODELS.build(dict(type='ImplicitAttentionDecoder', dictionary=dict(DICTIONARY),
                             in_channels=8, hidden_size=6, max_seq_len=7))


def test_loss_has_gradients_everywhere():
    decoder = build()
    losses = decoder.loss(None, random_encoding(), [sample(w) for w in ('ab', '', 'abcdefghij')])
    assert set(losses) == {'loss_word'}
    losses['loss_word'].backward()
    assert all(p.grad.isfinite().all() for p in decoder.parameters())


def test_reading_equals_teacher_forcing_with_its_own_characters():
    decoder, encoding = build().eval(), random_encoding()
    with torch.no_grad():
        decoder.cell.classifier.bias[END] -= 100  # no word ends: all steps are run
    probabilities = decoder(None, encoding)
    read = probabilities.argmax(-1)
    tokens = torch.cat([torch.full((3, 1), START), read[:, :-1]], 1)
    logits, _ = decoder.cell(encoding.context, tokens)
    torch.testing.assert_close(probabilities, logits.softmax(-1))


def test_it_stops_when_all_words_have_ended():
    decoder = build().eval()
    with torch.no_grad():
        decoder.cell.classifier.bias[END] += 1000
    samples = decoder.predict(None, random_encoding(), [sample('') for _ in range(3)])
    assert [s.pred_text.item for s in samples] == ['', '', '']


def test_nbest_words_have_the_probabilities_of_teacher_forcing():
    decoder, encoding = build().eval(), random_encoding()
    with torch.no_grad():
        decoder.cell.classifier.weight *= 8
    greedy = decoder.forward_test(None, encoding).max(-1)
    for word, hypotheses in enumerate(decoder.nbest(encoding, 3)):
        for hypothesis in hypotheses:
            fed = torch.tensor([[START, *hypothesis.tokens]])[:, :8]
            logits, _ = decoder.cell(encoding.context[word:word + 1], fed)
            wanted = torch.tensor([*hypothesis.tokens, END][:8])
            expected = logits.softmax(-1)[0].gather(1, wanted[:, None]).prod().item()
            assert abs(hypothesis.probability - expected) < 1e-4 * expected
        tokens = greedy.indices[word].tolist()
        length = tokens.index(END) if END in tokens else 8
        assert hypotheses[0].probability >= greedy.values[word, :length + 1].prod() * (1 - 1e-5)
