import math

import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.decoders.base import greedy_hypotheses
from mmocr_siga.models.layers import selected
from tests.helpers.words import DICTIONARY, END, START, attention_step, random_encoding, sample


def build(coverage=None):
    torch.manual_seed(0)
    decoder = MODELS.build(dict(
        type='SIGADecoder', dictionary=dict(DICTIONARY), in_channels=8, hidden_size=6,
        output_size=10, max_seq_len=7, dropout=0.0, coverage=coverage))
    for branch in decoder.branches.values() if coverage else ():
        torch.nn.init.normal_(branch.coverage, std=2.0)
    return decoder


def test_uniform_logits_cost_log_of_the_classes():
    decoder = build()
    for layer in [b.classifier for b in decoder.branches.values()] + [decoder.reader.classifier]:
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    losses = decoder.loss(None, random_encoding(), [sample(w) for w in ('ab', 'c', '')])
    for value in losses.values():
        assert value.item() == pytest.approx(torch.log(torch.tensor(37.)).item(), rel=1e-5)


def plain_reading(decoder, encoding, given=None):
    """Logits of all steps of the three decoders, fed their own characters or those given."""
    n = len(encoding.context)
    states = {s: (torch.zeros(n, 6), torch.zeros(n, 6)) for s in ('fine', 'coarse')}
    seen = {s: torch.zeros(n, 6) if branch.coverage is not None else None
            for s, branch in decoder.branches.items()}
    tokens = {s: torch.full((n, ), START) for s in ('fine', 'coarse', 'word')}
    reader = (torch.zeros(1, n, 10), torch.zeros(1, n, 10))
    logits = []
    for t in range(8 if given is None else given.shape[1]):
        fused = {}
        if given is not None:
            tokens = dict.fromkeys(tokens, given[:, t])
        for s, branch in decoder.branches.items():
            fused[s], hidden, cell, scores, attention = attention_step(
                branch, encoding.context, encoding.glyph_features[s][:, t], encoding.valid,
                *states[s], tokens[s], seen[s])
            states[s], tokens[s] = (hidden, cell), scores.argmax(1)
            seen[s] = None if seen[s] is None else seen[s] + attention
        both = torch.cat([fused['fine'], fused['coarse']], 1)
        gate = torch.sigmoid(decoder.fusion.gate(both))
        feature = decoder.project(gate * fused['fine'].tanh() + (1 - gate) * fused['coarse'].tanh())
        inputs = torch.cat([feature, decoder.reader.embedding(tokens['word'])], 1)
        out, reader = decoder.reader.rnn(inputs[:, None], reader)
        logits.append(decoder.reader.classifier(out[:, 0]))
        tokens['word'] = logits[-1].argmax(1)
    return torch.stack(logits, 1)


def spread(decoder):
    """Larger weights: words of different lengths, and characters that differ."""
    with torch.no_grad():
        for module in decoder.modules():
            if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
                module.weight.mul_(3)
    return decoder.eval()


@pytest.mark.parametrize('prepared', [False, True])
@pytest.mark.parametrize('batch, padded', [(1, False), (3, False), (3, True)])
@pytest.mark.parametrize('coverage', [None, dict(kernel_size=3)])
def test_it_reads_as_the_plain_loop(prepared, batch, padded, coverage):
    valid = torch.arange(6) < torch.tensor([[6], [4], [1]]) if padded else None
    decoder, encoding = spread(build(coverage)), random_encoding(batch=batch, valid=valid)
    expected = plain_reading(decoder, encoding)
    if prepared:
        decoder.prepare_inference()
    read = decoder.decode(encoding, stop_early=False)
    assert len(expected.argmax(-1).unique()) >= 2  # not one character all over
    torch.testing.assert_close(read.logits['word'], expected)
    assert read.attention.shape == (batch, 8, 6)
    torch.testing.assert_close(read.attention.sum(-1), torch.ones(batch, 8))
    assert valid is None or not read.attention.transpose(1, 2)[~valid].any()
    given = torch.randint(0, 37, (batch, 5))
    torch.testing.assert_close(decoder.decode(encoding, tokens=given).logits['word'],
                               plain_reading(decoder, encoding, given))


@torch.no_grad()
@pytest.mark.parametrize('width', [1, 3])
def test_beams_keep_their_own_coverage(width):
    decoder, encoding = spread(build(dict(kernel_size=3))), random_encoding()
    found = decoder.nbest(encoding, 3, width)
    assert any(len({h.tokens for h in hypotheses}) == 3 for hypotheses in found) or width == 1
    greedy = greedy_hypotheses(decoder.forward_test(None, encoding), END)
    for i, hypotheses in enumerate(found):
        one = selected(encoding, slice(i, i + 1))
        for hypothesis in hypotheses:
            if hypothesis.tokens == greedy[i].tokens:
                continue  # read with each branch's own characters
            given = torch.tensor([[START, *hypothesis.tokens]])[:, :8]
            logits = plain_reading(decoder, one, given).log_softmax(-1)[0]
            wanted = [*hypothesis.tokens, END][:len(logits)]
            total = sum(float(logits[t, k]) for t, k in enumerate(wanted))
            assert math.log(hypothesis.probability) == pytest.approx(total, abs=1e-4)


def test_attention_of_words_is_that_of_training():
    decoder, encoding = spread(build()), random_encoding()
    found = decoder.attention_of(None, encoding, [(1, 2, 3), (4, ), ()])
    for row, word in enumerate([(1, 2, 3), (4, ), ()]):
        given = torch.tensor([[START, *word]]).expand(3, -1)
        want = decoder.decode(encoding, tokens=given).attention[row, :len(word)]
        torch.testing.assert_close(found[row, :len(word)], want)


def test_gradients_reach_the_context_of_a_reading():
    decoder, encoding = build().eval(), random_encoding()
    encoding.context.requires_grad_()
    decoder.forward_test(None, encoding)[..., 3].sum().backward()
    assert encoding.context.grad.abs().sum() > 0


@pytest.mark.parametrize('change', [
    lambda decoder: decoder.load_state_dict({k: -v for k, v in decoder.state_dict().items()}),
    lambda decoder: [decoder.train(), *(p.data.neg_() for p in decoder.parameters()),
                     decoder.eval()],
    lambda decoder: decoder._apply(torch.neg)
])
def test_prepared_weights_are_forgotten_when_they_change(change):
    decoder, encoding = spread(build()), random_encoding()
    decoder.prepare_inference()
    before = decoder.forward_test(None, encoding)
    change(decoder)
    after = decoder.forward_test(None, encoding)
    torch.testing.assert_close(after[:, :1], plain_reading(decoder, encoding)[:, :1].softmax(-1))
    assert not torch.allclose(after, before)


def test_bfloat16_autocast_and_double_read_nearly_the_same():
    decoder, encoding = spread(build()), random_encoding()
    expected = decoder.forward_test(None, encoding)
    with torch.autocast('cpu', torch.bfloat16):
        got = decoder.forward_test(None, encoding)
    assert got.dtype == torch.float32
    assert (got[:, 0] - expected[:, 0]).abs().max() < 0.1
    double = encoding._replace(
        context=encoding.context.double(),
        glyph_features={s: g.double() for s, g in encoding.glyph_features.items()})
    torch.testing.assert_close(decoder.double().forward_test(None, double), expected)


def test_words_end_each_for_itself_and_the_loop_with_the_last():
    decoder, encoding = spread(build()), random_encoding(batch=6)
    expected = plain_reading(decoder, encoding).argmax(-1)
    with torch.no_grad():
        # The class of some step becomes the end token: rows of the last classifier are exchanged.
        chosen = int(expected[2, 3])
        for value in (decoder.reader.classifier.weight, decoder.reader.classifier.bias,
                      decoder.reader.embedding.weight):
            value[[END, chosen]] = value[[chosen, END]].clone()
    full = plain_reading(decoder, encoding).argmax(-1)
    ends = [(row == END).nonzero()[0].item() if (row == END).any() else 7 for row in full]
    assert decoder.decode(encoding).logits['word'].shape[1] == max(ends) + 1
    probabilities = decoder.forward_test(None, encoding)
    for row, words, end in zip(probabilities.argmax(-1), full, ends):
        assert torch.equal(row[:end + 1], words[:end + 1])
    with torch.no_grad():
        decoder.reader.classifier.bias[END] += 1000  # all words end at once: a single step
    assert decoder.decode(encoding).logits['word'].shape[1] == 1
    assert (decoder.forward_test(None, encoding)[..., END] > 0.99).all()
