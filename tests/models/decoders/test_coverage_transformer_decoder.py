import copy

import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from torch import nn

from mmocr_siga.models.decoders.base import greedy_hypotheses
from mmocr_siga.models.layers import beam_search, selected
from tests.conftest import REPO
from tests.helpers.words import DICTIONARY, END, START, random_encoding, sample, tiny_model

STEPS = 8
WORDS = ('ab', 'aabbaab', '')


def build(dtype=torch.double, **options):
    """A decoder of two layers whose refinement makes a difference."""
    torch.manual_seed(0)
    decoder = MODELS.build(dict(dict(
        type='CoverageTransformerDecoder', dictionary=DICTIONARY, max_seq_len=STEPS - 1,
        in_channels=8, channels=8, num_heads=2, inner_channels=12, coverage_channels=3,
        num_layers=3, dropout=0.0), **options)).to(dtype)
    with torch.no_grad():
        for layer in decoder.layers:
            layer.cross.query.weight *= 3
        if decoder.refinement is not None:
            decoder.refinement.running_var.fill_(1e-4)
            decoder.refinement.num_batches.fill_(1)
        decoder.classifier.weight *= 8
    return decoder


def memory_map(dtype=torch.double, batch=3):
    return torch.randn(batch, 8, 2, 6, generator=torch.Generator().manual_seed(1)).to(dtype)


def tokens_of(words):
    """What is fed for each word."""
    targets = build().targets([sample(word) for word in words], torch.device('cpu'))
    return targets.tokens


def by_steps(decoder, memory, tokens, samples=None):
    """Logits and attention of one step after the other."""
    cache = decoder.prepare(memory, samples)
    state, steps = decoder.start(cache)[0], []
    for t, fed in enumerate(tokens.unbind(1)):
        state, logits, attention = decoder.step(cache, state, fed, t)
        steps.append((logits['word'], attention))
    return tuple(torch.stack(parts, 1) for parts in zip(*steps))


OPTIONS = dict(
    fusion={}, cross=dict(coverage=('cross', )), self=dict(coverage=('self', )),
    plain=dict(coverage=()), reference=dict(reference=True), both_ways=dict(bidirectional=True),
    blanks=dict(skip_blank=True, dictionary=dict(DICTIONARY, dict_file='95')))


@torch.no_grad()
@pytest.mark.parametrize('name', OPTIONS)
@pytest.mark.parametrize('dtype, atol', [(torch.double, 1e-12), (torch.float, 1e-5)])
def test_all_steps_at_once_are_one_step_after_the_other_and_any_prefix(name, dtype, atol):
    decoder, memory = build(dtype, **OPTIONS[name]).eval(), memory_map(dtype)
    samples = [dict(valid_ratio=ratio) for ratio in (1.0, 0.5, 0.8)]
    tokens = torch.randint(0, 36, (3, STEPS), generator=torch.Generator().manual_seed(2))
    if name == 'blanks':
        tokens[:, 2:5] = 94  # the space
        assert not decoder.inked[94] and decoder.inked[:94].all()
    logits, attention = by_steps(decoder, memory, tokens, samples)
    for length in range(1, STEPS + 1):
        whole = decoder.decode(memory, samples, tokens[:, :length])
        torch.testing.assert_close(whole.logits['word'].softmax(-1),
                                   logits[:, :length].softmax(-1), rtol=0, atol=atol)
        torch.testing.assert_close(whole.attention, attention[:, :length], rtol=0, atol=atol)
    if name == 'blanks':
        decoder.skip_blank = False
        other = decoder.decode(memory, samples, tokens).logits['word']
        assert (other - logits).abs().amax((0, 2))[3:].min() > 1e-3
    # Greedy reading is teacher forcing with what was read.
    read = decoder.decode(memory, samples, stop_early=False).logits['word']
    fed = torch.cat([torch.full((3, 1), decoder.num_classes), read.argmax(-1)[:, :-1]], 1)
    torch.testing.assert_close(by_steps(decoder, memory, fed, samples)[0].softmax(-1),
                               read.softmax(-1), rtol=0, atol=atol)


@torch.no_grad()
def test_without_effect_it_is_the_plain_decoder_bit_for_bit():
    plain, memory, tokens = build(coverage=()).eval(), memory_map(), tokens_of(WORDS)
    refined = build(gamma=0.0).eval()
    missing, unknown = refined.load_state_dict(plain.state_dict(), strict=False)
    assert not unknown and all(name.startswith('refinement.') for name in missing)
    for decode in (lambda d: d.decode(memory, None, tokens), lambda d: d.decode(memory)):
        assert torch.equal(decode(refined).logits['word'], decode(plain).logits['word'])
    refined.refinement.gamma.fill_(1)
    changed = (refined.decode(memory, None, tokens).logits['word']
               - plain.decode(memory, None, tokens).logits['word']).abs().amax((0, 2))
    assert changed[0] < 1e-12 and (changed[1:] > 1e-3).all()


def torchs_layer(layer, norm_first):
    """PyTorch's Transformer decoder layer with the weights of one of ours."""
    other = nn.TransformerDecoderLayer(8, 2, 12, 0.0, batch_first=True, norm_first=norm_first)
    for theirs, ours in ((other.self_attn, layer.steps), (other.multihead_attn, layer.cross)):
        parts = (ours.query, ours.key, ours.value)
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    other.linear1.load_state_dict(layer.perceptron[0].state_dict())
    other.linear2.load_state_dict(layer.perceptron[3].state_dict())
    for theirs, ours in zip((other.norm1, other.norm2, other.norm3), layer.norms):
        theirs.load_state_dict(ours.state_dict())
    return other.double().eval()


@torch.no_grad()
@pytest.mark.parametrize('norm_first', [True, False])
def test_without_coverage_it_is_pytorchs_transformer(norm_first):
    decoder = build(coverage=(), norm_first=norm_first).eval()
    for name, value in decoder.named_parameters():
        if 'norm' in name or 'bias' in name:
            value.uniform_(0.5, 1.5)
    memory, tokens = memory_map(), tokens_of(WORDS)
    padding = torch.zeros(3, 2, 6, dtype=torch.bool)
    padding[1, :, 3:] = True
    order = torch.arange(STEPS, dtype=torch.double)[:, None]
    waves = order / 10000**(torch.arange(0, 8, 2) / 8)
    x = decoder.embedding_norm(decoder.embedding(tokens))
    x = decoder.input_norm(x + torch.stack([waves.sin(), waves.cos()], -1).flatten(1))
    later = torch.ones(STEPS, STEPS, dtype=torch.bool).triu(1)
    for layer in decoder.layers:
        x = torchs_layer(layer, norm_first)(
            x, memory.flatten(2).transpose(1, 2), later, memory_key_padding_mask=padding.flatten(1))
    if norm_first:
        x = decoder.norm(x)
    samples = [dict(valid_ratio=ratio) for ratio in (1.0, 0.5, 1.0)]
    torch.testing.assert_close(decoder.decode(memory, samples, tokens).logits['word'],
                               decoder.classifier(x), rtol=1e-6, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize('norm, training, causal', [
    ('running', False, True), ('running', True, True), ('batch', False, True),
    ('batch', True, False)])  # why the paper's is not the default
def test_what_comes_later_changes_nothing_before(norm, training, causal):
    decoder, memory, tokens = build(norm=norm).train(training), memory_map(), tokens_of(WORDS)
    before = copy.deepcopy(decoder).decode(memory, None, tokens).logits['word']
    changed = tokens.clone()
    changed[:, 5] = (tokens[:, 5] + 7) % 36
    after = decoder.decode(memory, None, changed).logits['word']
    difference = (after - before).abs().amax((0, 2))
    assert (difference[:5].max() < 1e-12) == causal and difference[5:].min() > 1e-3


@torch.no_grad()
def test_a_word_alone_reads_as_in_a_wider_batch_and_columns_are_hidden_in_every_row():
    decoder, memory = build().eval(), memory_map()
    samples = [dict(valid_ratio=ratio) for ratio in (1.0, 0.5, 0.8)]
    together = decoder.decode(memory, samples, stop_early=False)
    attention = together.attention.unflatten(-1, (2, 6))
    for n, columns in enumerate((6, 3, 5)):
        alone = decoder.decode(memory[n:n + 1, ..., :columns], stop_early=False)
        torch.testing.assert_close(alone.logits['word'], together.logits['word'][n:n + 1])
        assert (attention[n, ..., columns:] == 0).all() and (attention[n, ..., :columns] > 0).all()
    # The same as a sequence of two rows, and, of one row, as an encoding.
    sequence = memory.flatten(2).transpose(1, 2)
    rows = build(memory_height=2).eval().decode(sequence, samples, stop_early=False)
    assert torch.equal(rows.logits['word'], together.logits['word'])
    encoding = random_encoding(valid=torch.arange(6) < torch.tensor([[6], [3], [5]]))
    decoder.float()
    row = decoder.decode(encoding.context.transpose(1, 2)[:, :, None], samples)
    assert torch.equal(row.logits['word'], decoder.decode(encoding).logits['word'])


def by_prefixes(decoder, memory):
    """A step for a beam search that keeps nothing but what was read, and reads it all again."""
    def step(state, tokens, t):
        memory, before = state
        before = torch.cat([before, tokens[:, None]], 1)
        logits = decoder.decode(memory, None, before).logits['word'][:, -1]
        return logits.log_softmax(-1), (memory, before)
    return step


@torch.no_grad()
@pytest.mark.parametrize('options', [{}, dict(skip_blank=True, bidirectional=True)])
def test_beams_take_their_sums_along(options):
    decoder, memory = build(**options).eval(), memory_map()
    rows = torch.arange(3).repeat_interleave(3)
    state = memory[rows], torch.zeros(9, 0, dtype=torch.long)
    wanted = beam_search(by_prefixes(decoder, memory), state, 3, STEPS, START, END, 3, 3)
    found = decoder.nbest(memory, 3, width=3)
    greedy = greedy_hypotheses(decoder.forward_test(None, memory), END)
    for ours, theirs, best in zip(found, wanted, greedy):
        theirs = sorted({h.tokens: h.probability for h in [best, *theirs]}.items(),
                        key=lambda item: -item[1])[:3]
        assert [h.tokens for h in ours] == [tokens for tokens, _ in theirs]
        assert [h.probability for h in ours] == pytest.approx([p for _, p in theirs], rel=1e-4)


@torch.no_grad()
def test_a_beam_of_one_is_greedy():
    decoder, memory = build().eval(), memory_map()
    decoder.classifier.bias[END] -= 100  # an end would be no open prefix, which are all it follows
    cache = decoder.prepare(memory)

    def step(state, tokens, t):
        state, logits, _ = decoder.step(cache, state, tokens, t)
        return logits['word'].log_softmax(-1), state

    found = beam_search(step, decoder.start(cache)[0], 3, STEPS, START, END, 1, 1)
    greedy = greedy_hypotheses(decoder.forward_test(None, memory), END)
    assert [words[0].tokens for words in found] == [h.tokens for h in greedy]


@torch.no_grad()
def test_reversed_words_are_read_from_a_start_token_of_their_own():
    decoder, memory = build(bidirectional=True).eval(), memory_map()
    logits = decoder.decode(memory, None, tokens_of(WORDS)).logits
    for n, word in enumerate(WORDS):
        body = ['0123456789abcdefghijklmnopqrstuvwxyz'.index(c) for c in word[::-1]]
        backwards, _ = by_steps(decoder, memory[n:n + 1], torch.tensor([[START + 1, *body]]))
        order = [*reversed(range(len(word))), len(word)]  # that of the label, and the end
        torch.testing.assert_close(logits['word_reversed'][n, :len(word) + 1], backwards[0, order])
    forwards = build(bidirectional=False).eval()
    state = decoder.state_dict()
    state['embedding.weight'] = state['embedding.weight'][:-1]
    forwards.load_state_dict(state)
    torch.testing.assert_close(logits['word'],
                               forwards.decode(memory, None, tokens_of(WORDS)).logits['word'])


def test_the_paper_sums_what_dropout_leaves():
    """With dropout in training, sums of what was dropped have zeros where it was."""
    seen = {}
    for reference in (True, False):
        decoder = build(reference=reference, dropout=0.5).train()

        def note(module, args, output, reference=reference):
            seen[reference] = output[1]

        decoder.refinement.register_forward_hook(note)
        decoder.decode(memory_map(), None, tokens_of(WORDS))
    assert 0.3 < (seen[True].last == 0).double().mean() < 0.7
    assert (seen[False].last > 0).all()


def test_extended_to_more_layers_than_one():
    with pytest.raises(ValueError, match='coverage=()'):
        build(num_layers=1)
    assert build(num_layers=1, coverage=()).refinement is None
    with pytest.raises(ValueError, match='no multiple of 3 heads'):
        build(num_heads=3)


def test_states_are_laid_out_by_word():
    decoder, memory = build().eval(), memory_map()
    cache = decoder.prepare(memory)
    state = decoder.start(cache)[0]
    for t in range(3):
        state, _, _ = decoder.step(cache, state, torch.tensor([t, t + 1, t + 2]), t)
    order = torch.tensor([2, 0, 0])
    fed = torch.tensor([5, 6, 6])
    some, _, seen = decoder.step(selected(cache, order), selected(state, order), fed, 3)
    whole, _, every = decoder.step(cache, state, torch.tensor([6, 0, 5]), 3)
    torch.testing.assert_close(seen, every[order])
    torch.testing.assert_close(some, selected(whole, order))


def test_it_reads_for_mmocrs_nrtr():
    """A sequence of two rows, of which padding hides the columns."""
    cfg = Config.fromfile(REPO / 'configs/plugins/nrtr_tiny.py').model
    cfg.decoder = dict(type='CoverageTransformerDecoder', dictionary=DICTIONARY, in_channels=128,
                       channels=128, memory_height=2, max_seq_len=STEPS - 1)
    model, seen = MODELS.build(cfg), []
    model.decoder.map.register_forward_hook(lambda module, args, output: seen.append(output.shape))
    words = [sample('ab', targets=False), sample('', 0.5, targets=False)]
    losses = model.train().loss(torch.randn(2, 3, 32, 64), words)
    losses['loss_word'].backward()
    assert seen == [(2, 128, 2, 16)]
    assert all(p.grad is not None for p in model.parameters())
    read = model.eval().predict(torch.randn(2, 3, 32, 64), words)
    assert all(len(word.pred_text.item) <= STEPS for word in read)


def test_plug_ins_find_map_classifier_and_attention():
    model = MODELS.build(tiny_model('coverage', type='PluggedGlyphRecognizer', glyph_head=None,
                                    plugins=dict(sec=dict(type='SECLoss')))).train()
    losses = model.loss(torch.randn(2, 3, 32, 64), [sample(word, targets=False) for word in 'ab'])
    assert losses.keys() == {'loss_word', 'loss_sec'} and losses['loss_sec'].isfinite()
