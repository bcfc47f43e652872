import pytest
import torch
from mmocr.registry import MODELS

from tests.helpers.words import DICTIONARY, END, START, index, random_encoding, sample


def build(**changes):
    torch.manual_seed(0)
    cfg = dict(type='SIGADecoder', dictionary=dict(DICTIONARY), in_channels=8, hidden_size=6,
               output_size=10, max_seq_len=7, dropout=0.0)
    return MODELS.build({**cfg, **changes})


def test_three_word_losses_with_gradients_everywhere():
    decoder = build().train()
    encoding = random_encoding()
    encoding.context.requires_grad_()
    losses = decoder.loss(None, encoding, [sample('ab'), sample(''), sample('abcdefg')])
    assert set(losses) == {'loss_word', 'loss_word_fine', 'loss_word_coarse'}
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in decoder.parameters())
    assert encoding.context.grad.abs().sum() > 0


def test_losses_in_evaluation_mode_are_teacher_forced_too():
    decoder, encoding, samples = build(), random_encoding(), [sample(w) for w in ('ab', 'c', '')]
    train = decoder.train().loss(None, encoding, samples)
    evaluated = decoder.eval().loss(None, encoding, samples)
    for name in train:
        torch.testing.assert_close(evaluated[name], train[name])


def test_uniform_logits_cost_log_of_the_classes():
    decoder = build()
    for layer in [b.classifier for b in decoder.branches.values()] + [decoder.reader.classifier]:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    losses = decoder.loss(None, random_encoding(), [sample(w) for w in ('ab', 'c', '')])
    for value in losses.values():
        assert value.item() == pytest.approx(torch.log(torch.tensor(37.)).item(), rel=1e-5)


def test_reading_equals_teacher_forcing_with_its_own_characters():
    decoder, encoding = build().eval(), random_encoding()
    steps = decoder.greedy(encoding, stop_early=False)
    assert len(steps) == 8
    read = torch.stack([s.token for s in steps], 1)
    # Feed each decoder what it fed itself and compare the last one's logits.
    start = torch.full((3, 1), START)
    fused = {}
    for scale, branch in decoder.branches.items():
        own = torch.stack([s.branch_tokens[scale] for s in steps], 1)
        tokens = torch.cat([start, own[:, :-1]], 1)
        _, out = branch(encoding.context, tokens, encoding.glyph_features[scale])
        fused[scale] = out.glimpse
    feature = decoder.project(decoder.fusion(fused['fine'], fused['coarse']))
    logits = decoder.reader(feature, torch.cat([start, read[:, :-1]], 1))
    torch.testing.assert_close(torch.stack([s.logits for s in steps], 1), logits)


def test_stopping_early_reads_the_same():
    torch.manual_seed(3)
    decoder, encoding = build().eval(), random_encoding(batch=5)
    # Make the end likely, so that words end at different steps.
    with torch.no_grad():
        decoder.reader.classifier.bias[END] += 0.25
    full = decoder.collect([s.logits for s in decoder.greedy(encoding, stop_early=False)])
    steps = decoder.greedy(encoding)
    early = decoder.forward_test(None, encoding)
    assert early.shape == full.shape == (5, 8, 37)
    texts = []
    for probabilities in (full, early):
        got = decoder.postprocessor(probabilities, [sample('') for _ in range(5)])
        texts.append([(s.pred_text.item, s.pred_text.score) for s in got])
    assert texts[0] == texts[1]
    ends = [(s.token == END) for s in steps]
    assert torch.stack(ends).any(0).all() or len(steps) == 8


def test_a_batch_whose_words_end_at_once_takes_one_step():
    decoder = build().eval()
    with torch.no_grad():
        decoder.reader.classifier.bias[END] += 1000
    assert len(decoder.greedy(random_encoding())) == 1
    probabilities = decoder.forward_test(None, random_encoding())
    assert probabilities.shape == (3, 8, 37) and (probabilities[..., END] > 0.99).all()


def test_predict_needs_no_samples_of_training():
    decoder = build().eval()
    got = decoder.predict(None, random_encoding(batch=1), [sample('', targets=False)])
    assert isinstance(got[0].pred_text.item, str)
    assert decoder(None, random_encoding(batch=1)).shape == (1, 8, 37)


def test_unknown_characters_are_left_out_and_case_is_lowered():
    decoder = build(module_loss=dict(type='WordLoss', letter_case='lower'))
    samples = decoder.module_loss.get_targets([sample("A-b'\u00e9C", targets=False)])
    assert samples[0].gt_text.indexes.tolist() == index('abc')


def test_a_dictionary_without_an_end_is_refused():
    with pytest.raises(ValueError, match='with_end=True'):
        build(dictionary=dict(type='WordDictionary', dict_file='lower_english_digits.txt'))


def teacher_forced(decoder, encoding, word, tokens):
    """Probability of a word whose characters all three decoders are fed, end included."""
    fed = torch.tensor([[START, *tokens]])[:, :8]
    fused = {}
    for scale, branch in decoder.branches.items():
        _, out = branch(encoding.context[word:word + 1], fed,
                        encoding.glyph_features[scale][word:word + 1],
                        None if encoding.valid is None else encoding.valid[word:word + 1])
        fused[scale] = out.glimpse
    logits = decoder.reader(decoder.project(decoder.fusion(fused['fine'], fused['coarse'])), fed)
    wanted = torch.tensor([*tokens, END][:8])
    return logits.softmax(-1)[0].gather(1, wanted[:, None]).prod().item()


@pytest.mark.parametrize('padded', [False, True])
def test_nbest_words_have_the_probabilities_of_teacher_forcing(padded):
    decoder = build().eval()
    with torch.no_grad():
        decoder.reader.classifier.weight *= 8
        decoder.reader.classifier.bias[END] += 1
    valid = torch.tensor([[True] * 6, [True] * 4 + [False] * 2, [True] * 5 + [False]])
    encoding = random_encoding(valid=valid if padded else None)
    greedy = decoder.forward_test(None, encoding).max(-1)
    found = decoder.nbest(encoding, 4)
    for word, hypotheses in enumerate(found):
        assert len(hypotheses) == 4 == len({h.tokens for h in hypotheses})
        values = [h.probability for h in hypotheses]
        assert values == sorted(values, reverse=True)
        tokens = greedy.indices[word].tolist()
        length = tokens.index(END) if END in tokens else 8
        assert values[0] >= greedy.values[word, :length + 1].prod().item() - 1e-7
        checked = 0
        for hypothesis in hypotheses:
            if hypothesis.tokens == tuple(tokens[:length]):
                continue  # the greedy word has a probability of its own
            assert hypothesis.probability == pytest.approx(
                teacher_forced(decoder, encoding, word, hypothesis.tokens), rel=1e-4)
            checked += 1
        assert checked >= 3


def test_nbest_does_not_depend_on_the_batch():
    decoder, encoding = build().eval(), random_encoding()
    together = decoder.nbest(encoding, 3)
    for word in range(3):
        alone = encoding._replace(
            context=encoding.context[word:word + 1],
            glyph_features={k: v[word:word + 1] for k, v in encoding.glyph_features.items()})
        for a, b in zip(decoder.nbest(alone, 3)[0], together[word]):
            assert a.tokens == b.tokens
            assert a.probability == pytest.approx(b.probability, rel=1e-4)
