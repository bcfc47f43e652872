"""What all decoders have in common."""
import pytest
import torch
from mmocr.registry import MODELS

from tests.helpers.words import DICTIONARY, END, START, random_encoding, sample

WORDS = ('ab', '', 'abcdefghij')
SMALL = dict(num_layers=1, num_heads=2, inner_channels=8, dropout=0.)
GSRM = dict(type='GSRM', **SMALL)
PARALLEL = dict(type='SIGAParallelDecoder', in_channels=8, output_size=10, dropout=0.)
COVERAGE = dict(type='CoverageTransformerDecoder', in_channels=8, channels=8, num_heads=2,
                inner_channels=8, coverage_channels=3, kernel_size=(1, 5), dropout=0.)
# Name -> config and branches beside 'word'.
DECODERS = dict(
    implicit=(dict(type='ImplicitAttentionDecoder', in_channels=8, hidden_size=6), ''),
    siga=(dict(type='SIGADecoder', in_channels=8, hidden_size=6, output_size=10, dropout=0.),
          'fine coarse'),
    parallel=(PARALLEL, 'fine coarse visual'),
    parallel_glyphs_alone=(dict(PARALLEL, visual=None), 'fine coarse'),
    parallel_with_transformer=(dict(PARALLEL, visual=dict(SMALL, type='PVAM')),
                               'fine coarse visual'),
    parallel_reasoning=(dict(PARALLEL, reasoning=GSRM), 'fine coarse visual fused semantic'),
    parallel_reasoning_glyphs_alone=(
        dict(PARALLEL, reasoning=GSRM, visual=None,
             module_loss=dict(type='SRNModuleLoss', ask_after_end=False)),
        'fine coarse fused semantic'),
    coverage=(dict(COVERAGE), ''),
    coverage_both_ways=(dict(COVERAGE, bidirectional=True, kernel_size=(5, 5)), 'reversed'),
    coverage_none=(dict(COVERAGE, coverage=()), ''),
    srn=(dict(type='SRNDecoder', in_channels=8, channels=8, pvam=SMALL, gsrm=SMALL),
         'visual semantic'))
ONE_OF_EACH = ('implicit', 'siga', 'parallel', 'parallel_reasoning', 'coverage',
               'coverage_both_ways', 'srn')


def build(name, dict_file='lower_english_digits.txt', max_seq_len=7):
    torch.manual_seed(0)
    return MODELS.build(dict(DECODERS[name][0], dictionary=dict(DICTIONARY, dict_file=dict_file),
                             max_seq_len=max_seq_len))


def memory_for(name, batch=3, valid=None):
    if name == 'srn':
        return torch.randn(batch, 8, 2, 5, generator=torch.Generator().manual_seed(1))
    return random_encoding(batch, valid=valid)


def row(memory, n):
    """One sample's part of a memory."""
    if isinstance(memory, torch.Tensor):
        return memory[n:n + 1]
    if isinstance(memory, dict):
        return {name: row(value, n) for name, value in memory.items()}
    return memory and type(memory)(*(row(part, n) for part in memory))


def assert_gradients(module):
    assert not [name for name, p in module.named_parameters()
                if p.grad is None or not p.grad.isfinite().all()]


@pytest.mark.parametrize('name', DECODERS)
def test_a_loss_for_every_branch_with_gradients_everywhere(name):
    decoder, memory, branches = build(name).train(), memory_for(name), DECODERS[name][1].split()
    parts = dict(map=memory) if name == 'srn' else dict(
        context=memory.context, maps=memory.glyph_maps['coarse'], **memory.glyph_features)
    for part in parts.values():
        part.requires_grad_()
    samples = [sample(w) for w in WORDS]
    losses = decoder.loss(None, memory, samples)
    # In evaluation mode too they are teacher forced.
    torch.testing.assert_close(decoder.eval().loss(None, memory, samples), losses)
    assert set(losses) == {'loss_word', *(f'loss_word_{branch}' for branch in branches)}
    sum(losses.values()).backward()
    assert_gradients(decoder)
    unused = dict(implicit={'fine', 'coarse', 'maps'}, siga={'maps'})
    if 'coverage' in name:
        unused[name] = unused['implicit']
    if 'glyphs_alone' in name:
        unused[name] = {'context'}
    for part in set(parts) - unused.get(name, set()):
        assert parts[part].grad.abs().sum() > 0, part


@pytest.mark.parametrize('name', ONE_OF_EACH)
def test_a_sample_reads_the_same_in_any_batch(name):
    decoder, memory = build(name).eval(), memory_for(name)
    together, nbest = decoder(None, memory), decoder.nbest(memory, 3)
    for n in range(3):
        torch.testing.assert_close(decoder(None, row(memory, n)), together[n:n + 1])
        for a, b in zip(decoder.nbest(row(memory, n), 3)[0], nbest[n]):
            assert a.tokens == b.tokens
            assert a.probability == pytest.approx(b.probability, rel=1e-4)


@pytest.mark.parametrize('name', ONE_OF_EACH)
def test_nbest_words_have_the_probabilities_of_teacher_forcing(name):
    decoder = build(name).eval()
    memory = memory_for(name, valid=torch.arange(6) < torch.tensor([[6], [4], [5]]))
    with torch.no_grad():
        for layer in decoder.modules():
            if isinstance(layer, torch.nn.Linear) and layer.out_features == 37:
                layer.weight *= 8
    greedy = decoder.forward_test(None, memory).max(-1)
    for n, found in enumerate(decoder.nbest(memory, 4)):
        assert len({h.tokens for h in found}) == 4
        values = [h.probability for h in found]
        assert values == sorted(values, reverse=True)
        tokens = greedy.indices[n].tolist()
        length = tokens.index(END) if END in tokens else 8
        assert values[0] >= greedy.values[n, :length + 1].prod().item() * (1 - 1e-5)
        others = [h for h in found if h.tokens != tuple(tokens[:length]) or name != 'siga']
        assert len(others) >= 3  # branches feed the greedy word of SIGA characters of their own
        for hypothesis in others:
            fed = torch.tensor([[START, *hypothesis.tokens]])[:, :8]
            logits = decoder.decode(row(memory, n), tokens=fed).logits['word'][0]
            wanted = torch.tensor([*hypothesis.tokens, END][:8])
            expected = logits[:len(wanted)].softmax(-1).gather(1, wanted[:, None]).prod().item()
            assert hypothesis.probability == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize('name', ONE_OF_EACH)
@pytest.mark.parametrize('file, classes', [('english_digits.txt', 63),
                                           ('english_digits_symbols_94.txt', 95)])
def test_other_character_sets(name, file, classes):
    decoder = build(name, file)
    samples = [sample(w, targets=False) for w in ('aB9', '', 'Zz')]
    assert decoder.eval()(None, memory_for(name, batch=1)).shape == (1, 8, classes)
    losses = decoder.train().loss(None, memory_for(name), samples)
    assert all(value.isfinite() for value in losses.values())
    with pytest.raises(ValueError, match='with_end=True'):
        dictionary = dict(type='WordDictionary', dict_file=file)
        MODELS.build(dict(DECODERS[name][0], dictionary=dictionary))


@pytest.mark.parametrize('name', ONE_OF_EACH)
def test_bfloat16_training(name):
    decoder = build(name).train()
    with torch.autocast('cpu', torch.bfloat16):
        losses = decoder.loss(None, memory_for(name), [sample(w) for w in WORDS])
    sum(losses.values()).backward()
    assert_gradients(decoder)


def test_reading_equals_teacher_forcing_with_its_own_characters():
    decoder, memory = build('implicit').eval(), memory_for('implicit')
    with torch.no_grad():
        decoder.cell.classifier.bias[END] -= 100  # no word ends: all steps are run
    probabilities = decoder(None, memory)
    tokens = torch.cat([torch.full((3, 1), START), probabilities.argmax(-1)[:, :-1]], 1)
    logits, _ = decoder.cell(memory.context, tokens)
    torch.testing.assert_close(probabilities, logits.softmax(-1))


@pytest.mark.parametrize('name', ['siga', 'parallel', 'coverage_both_ways', 'srn'])
def test_it_reads_what_it_was_taught(name):
    decoder, memory = build(name).train(), memory_for(name, batch=4)
    words = ['ab', 'x1', 'abc', '']
    optimizer = torch.optim.Adam(decoder.parameters(), 2e-2)
    for _ in range(100):
        losses = decoder.loss(None, memory, [sample(w) for w in words])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        if losses['loss_word'] < 0.1:
            break
    got = decoder.eval().predict(None, memory, [sample('', targets=False) for _ in words])
    assert [s.pred_text.item for s in got] == words
