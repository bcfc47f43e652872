import pytest
import torch
from mmocr.registry import MODELS
from torch.nn import functional as F

from mmocr_siga.models.layers import TokenLSTM, token_lstm_step, token_lstm_weights
from tests.helpers.words import DICTIONARY, END, START, random_encoding


def build(kind='SIGADecoder', **changes):
    torch.manual_seed(0)
    cfg = dict(type=kind, dictionary=dict(DICTIONARY), in_channels=8, hidden_size=6, max_seq_len=7)
    if kind == 'SIGADecoder':
        cfg['output_size'] = 10
    decoder = MODELS.build({**cfg, **changes}).eval()
    with torch.no_grad():  # words of different lengths, and characters that differ
        for module in decoder.modules():
            if isinstance(module, (torch.nn.Linear, torch.nn.Embedding)):
                module.weight.mul_(3)
    return decoder


def plain_branch(branch, context, glyph, valid, hidden, cell, tokens):
    """A step as the formulas say: a module's own layers on one column after the other."""
    columns = range(context.shape[1])
    energy = torch.stack([branch.score(torch.tanh(
        branch.key(context[:, j]) + branch.query(hidden)))[:, 0] for j in columns], 1)
    if valid is not None:
        energy[~valid] = float('-inf')
    glimpse = torch.einsum('nw,nwd->nd', energy.softmax(1), context)
    if glyph is not None:
        gate = torch.sigmoid(branch.fusion.gate(torch.cat([glimpse, glyph], 1)))
        glimpse = gate * glimpse.tanh() + (1 - gate) * glyph.tanh()
    hidden, cell = branch.rnn(torch.cat([glimpse, branch.embedding(tokens)], 1), (hidden, cell))
    return glimpse, hidden, cell, branch.classifier(hidden)


def plain_reading(decoder, encoding):
    """All steps of SIGA's three decoders, none of them shared, prepared or stopped early."""
    n = len(encoding.context)
    states = {s: (torch.zeros(n, 6), torch.zeros(n, 6)) for s in ('fine', 'coarse')}
    tokens = {s: torch.full((n, ), START) for s in ('fine', 'coarse', 'word')}
    reader = (torch.zeros(1, n, 10), torch.zeros(1, n, 10))
    logits = []
    for t in range(8):
        fused = {}
        for s, branch in decoder.branches.items():
            fused[s], hidden, cell, scores = plain_branch(
                branch, encoding.context, encoding.glyph_features[s][:, t], encoding.valid,
                *states[s], tokens[s])
            states[s], tokens[s] = (hidden, cell), scores.argmax(1)
        both = torch.cat([fused['fine'], fused['coarse']], 1)
        gate = torch.sigmoid(decoder.fusion.gate(both))
        feature = decoder.project(gate * fused['fine'].tanh() + (1 - gate) * fused['coarse'].tanh())
        inputs = torch.cat([feature, decoder.reader.embedding(tokens['word'])], 1)
        out, reader = decoder.reader.rnn(inputs[:, None], reader)
        logits.append(decoder.reader.classifier(out[:, 0]))
        tokens['word'] = logits[-1].argmax(1)
    return torch.stack(logits, 1)


@pytest.mark.parametrize('frozen', [False, True])
@pytest.mark.parametrize('gradients', [False, True], ids=['buffers', 'gradients'])
@pytest.mark.parametrize('batch, padded', [(1, False), (3, False), (3, True)])
def test_siga_reads_as_the_plain_loop(frozen, gradients, batch, padded):
    valid = torch.arange(6) < torch.tensor([[6], [4], [1]]) if padded else None
    decoder, encoding = build(), random_encoding(batch=batch, valid=valid)
    if frozen:
        decoder.freeze_reading()
    with torch.set_grad_enabled(gradients):
        steps = decoder.read(encoding, stop_early=False)
    expected = plain_reading(decoder, encoding)
    assert len(expected.argmax(-1).unique()) >= 2  # not one character all over
    torch.testing.assert_close(torch.stack([s.logits for s in steps], 1), expected)
    assert torch.equal(torch.stack([s.token for s in steps], 1), expected.argmax(-1))


@pytest.mark.parametrize('gradients', [False, True], ids=['buffers', 'gradients'])
@pytest.mark.parametrize('frozen', [False, True])
def test_the_plain_decoder_reads_as_the_plain_loop(gradients, frozen):
    decoder, encoding = build('ImplicitAttentionDecoder'), random_encoding()
    if frozen:
        decoder.freeze_reading()
    with torch.set_grad_enabled(gradients):
        steps = decoder.read(encoding, stop_early=False)
    hidden = cell = torch.zeros(3, 6)
    tokens = torch.full((3, ), START)
    for step in steps:
        _, hidden, cell, logits = plain_branch(decoder.cell, encoding.context, None, None, hidden,
                                               cell, tokens)
        tokens = logits.argmax(1)
        torch.testing.assert_close(step.logits, logits)


def test_steps_write_into_the_same_memory():
    decoder = build()
    with torch.no_grad():
        steps = decoder.read(random_encoding(), stop_early=False)
    for part in ('hidden', 'cell'):
        assert len({getattr(s.state.branches, part).data_ptr() for s in steps}) == 1
        assert len({getattr(s.state, part).data_ptr() for s in steps}) == 1
    assert len({s.logits.untyped_storage().data_ptr() for s in steps}) == 1


def test_without_no_grad_gradients_reach_the_context():
    decoder, encoding = build(), random_encoding()
    encoding.context.requires_grad_()
    decoder.forward_test(None, encoding)[..., 3].sum().backward()
    assert encoding.context.grad.abs().sum() > 0


def test_words_end_each_for_itself_and_the_loop_with_the_last():
    decoder, encoding = build(), random_encoding(batch=6)
    expected = plain_reading(decoder, encoding).argmax(-1)
    with torch.no_grad():
        # The class of some step becomes the end token: rows of the last classifier are exchanged.
        chosen = int(expected[2, 3])
        for value in (decoder.reader.classifier.weight, decoder.reader.classifier.bias):
            value[[END, chosen]] = value[[chosen, END]].clone()
        rows = decoder.reader.embedding.weight
        rows[[END, chosen]] = rows[[chosen, END]].clone()
        steps = decoder.read(encoding)
        probabilities = decoder.forward_test(None, encoding)
    full = plain_reading(decoder, encoding).argmax(-1)
    ends = [(row == END).nonzero()[0].item() if (row == END).any() else 7 for row in full]
    assert len(steps) == max(ends) + 1
    for row, words, end in zip(probabilities.argmax(-1), full, ends):
        assert torch.equal(row[:end + 1], words[:end + 1])


def test_training_forgets_what_was_frozen():
    decoder, encoding = build(), random_encoding()
    decoder.freeze_reading()
    before = decoder.forward_test(None, encoding)
    decoder.train()
    with torch.no_grad():
        decoder.reader.classifier.weight.mul_(-1)
    decoder.eval()
    assert decoder.frozen_reading is None
    assert not torch.allclose(decoder.forward_test(None, encoding), before)


def test_frozen_weights_follow_to_another_dtype():
    decoder, encoding = build(), random_encoding()
    decoder.freeze_reading()
    decoder.double()
    double = encoding._replace(
        context=encoding.context.double(),
        glyph_features={s: g.double() for s, g in encoding.glyph_features.items()})
    with torch.no_grad():
        read = decoder.forward_test(None, double)
    torch.testing.assert_close(read, plain_reading(build(), encoding).softmax(-1))


def test_bfloat16_autocast_reads_nearly_the_same():
    decoder, encoding = build(), random_encoding()
    with torch.no_grad():
        expected = decoder.forward_test(None, encoding)
        with torch.autocast('cpu', torch.bfloat16):
            got = decoder.forward_test(None, encoding)
    assert got.dtype == torch.float32
    assert (got[:, 0] - expected[:, 0]).abs().max() < 0.05


def test_token_lstm_step_equals_the_layer():
    torch.manual_seed(0)
    lstm = TokenLSTM(5, 4, 7, 3)
    features, tokens = torch.randn(2, 6, 5), torch.randint(8, (2, 6))
    hidden = cell = torch.zeros(2, 4)
    weights = token_lstm_weights(lstm)
    for t in range(6):
        logits, hidden, cell = token_lstm_step(weights, features[:, t], tokens[:, t], hidden, cell)
        expected = lstm(features[:, :t + 1], tokens[:, :t + 1])[:, -1]
        torch.testing.assert_close(logits, expected)
    assert F.softmax(logits, -1).sum().item() == pytest.approx(2)
