import copy
from itertools import product

import pytest
import torch
from torch.nn import functional as F

from mmocr_siga.models.decoders import InContextDecoder
from mmocr_siga.models.decoders.in_context_decoder import Remembered, WordsInContext
from mmocr_siga.models.layers import fed_words, selected
from mmocr_siga.models.layers.targets import targets_of_labels
from mmocr_siga.structures.words import IGNORE_INDEX
from tests.helpers.words import DICTIONARY, END, START, index, sample

LONGEST = 6
TEXTS = ['ab', '', 'cabbac', 'b1']
KINDS = [dict(context=context, sees=sees, positions=positions, smear=smear)
         for context, sees, positions, smear in product(
             ('causal', 'independent'), ('own', 'all'), ('word', 'row'), (True, False))
         if (context, positions) != ('independent', 'row') and smear == (positions == 'word')]
of_all = pytest.mark.parametrize('kind', KINDS, ids=lambda kind: '-'.join(map(str, kind.values())))


def decoder(**options):
    torch.manual_seed(0)
    made = InContextDecoder(dict(DICTIONARY), **{**dict(
        channels=8, num_layers=2, num_heads=2, inner_channels=12, cross_heads=2, cross_channels=4,
        gate_init=1.0, max_seq_len=LONGEST), **options})
    with torch.no_grad():
        for weight in made.parameters():  # so that what is seen matters
            if weight.dim() > 1:
                weight.mul_(2)
    return made.eval()


def pictures(count, seed=1):
    return torch.randn(count, 3, 8, generator=torch.Generator().manual_seed(seed))


def targets_of(texts):
    return targets_of_labels(list(map(index, texts)), END, START, LONGEST, torch.device('cpu'))


def rows_of(model, memory, texts, name='word'):
    """Logits (S, T, K) of a single row."""
    fed = fed_words(targets_of(texts), END)
    with torch.no_grad():
        return model.rows(memory[None], *(part[None] for part in fed))[name].logits


@torch.no_grad()
def read_after(model, memory, texts, serving, queries, tokens):
    """Logits of queries that are fed ``tokens``, after remembered words."""
    words = model.remember(memory, targets_of(texts))
    given = WordsInContext(queries, model.context_of(words, torch.tensor(serving)))
    return model.decode(given, tokens=tokens).logits['word']


def test_closed_gates_leave_a_language_model_alone():
    model = decoder(gate_init=0.0, smear=False).double()
    tokens = torch.tensor([[START, 10, 11, 12]])
    found = [model.decode(pictures(1, seed).double(), tokens=tokens).logits['word'][0]
             for seed in (1, 2)]
    assert torch.equal(*found)
    x = model.embedding.weight[tokens[0]] + model.places.weight[:4]
    for layer in model.layers:
        query, key, value = (part.unflatten(1, (2, 4)).transpose(0, 1)
                             for part in layer.qkv(layer.norm1(x)).chunk(3, -1))
        scores = query @ key.transpose(1, 2) / 2
        scores = scores.masked_fill(torch.ones(4, 4).triu(1).bool(), -torch.inf)
        x = x + layer.out((scores.softmax(-1) @ value).transpose(0, 1).flatten(1))
        x = x + layer.perceptron(layer.norm2(x))
    torch.testing.assert_close(found[0], model.norm(x) @ model.embedding.weight[:-1].T,
                               rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('sees', ['own', 'all'])
def test_who_sees_which_picture(sees):
    model, memory = decoder(sees=sees), pictures(4)
    other = memory.clone()
    other[2] += 1
    fed = fed_words(targets_of(TEXTS), END)[1]

    def differs(masked):
        """Of each word whether any of its logits change."""
        if masked:
            for layer in model.layers:  # a position sees itself alone
                layer.register_forward_pre_hook(_alone, with_kwargs=True)
        found = [rows_of(model, part, TEXTS) for part in (memory, other)]
        change = ((found[0] - found[1]).abs().amax(-1) > 1e-4) & fed
        return change.any(1).tolist()

    assert differs(masked=False) == [False, False, True, True]
    assert differs(masked=True) == [False, False, True, sees == 'all']


def _alone(layer, args, kwargs):
    x, past, visible = args
    return (x, past, torch.eye(visible.shape[1], dtype=torch.bool)[None]), kwargs


@pytest.mark.parametrize('context', ['causal', 'independent'])
def test_the_loss_is_the_mean_over_characters_and_ends(context):
    model, memory = decoder(context=context).double(), pictures(4).double()
    samples = [sample(text) for text in TEXTS]
    losses = model.loss(memory, None, samples, group_size=2)
    names = ['word'] if context == 'causal' else ['alone', 'word']
    assert sorted(losses) == [f'loss_{name}' for name in names]
    for name in names:
        total, count = 0., 0
        for row in (0, 2):
            logits = rows_of(model, memory[row:row + 2], TEXTS[row:row + 2], name)
            for word, text in zip(logits, TEXTS[row:row + 2]):
                for said, asked in zip(word, [*index(text), END]):
                    total -= said.log_softmax(-1)[asked].item()
                    count += 1
        assert losses[f'loss_{name}'].item() == pytest.approx(total / count, rel=1e-6)
    with pytest.raises(ValueError, match='4 words make no rows of 3'):
        model.loss(memory, None, samples, group_size=3)


@of_all
def test_rows_are_padded_without_a_change(kind):
    model, memory = decoder(**kind), pictures(4)
    with torch.no_grad():
        fed = [part.unflatten(0, (2, 2)) for part in fed_words(targets_of(TEXTS), END)]
        both = model.rows(memory.unflatten(0, (2, 2)), *fed)['word'].logits
    for row in (0, 2):
        texts = TEXTS[row:row + 2]
        alone = rows_of(model, memory[row:row + 2], texts)
        for s, text in enumerate(texts):
            torch.testing.assert_close(both[row + s, :len(text) + 1], alone[s, :len(text) + 1],
                                       rtol=1e-5, atol=1e-5)


def test_of_an_invented_script_what_can_be_looked_up_counts():
    model, memory = decoder(), pictures(4)
    samples = [sample(text) for text in ('ab', 'ba', 'ab', 'cd')]
    for one in samples[2:]:
        one.set_metainfo(dict(group_kind='alphabet'))
    losses = model.loss(memory, None, samples, group_size=2)
    first = rows_of(model, memory[:2], ['ab', 'ba'])
    second = rows_of(model, memory[2:], ['ab', 'cd'])
    asked = [(first[0], 'ab', (0, 1, 2)), (first[1], 'ba', (0, 1, 2)), (second[1], 'cd', (2, ))]
    values = [-word[t].log_softmax(-1)[[*index(text), END][t]]
              for word, text, steps in asked for t in steps]
    assert losses['loss_word'].item() == pytest.approx(torch.stack(values).mean().item(), rel=1e-5)
    assert losses['lookup_accuracy'] == 0  # the end is no character
    for one in samples:
        one.set_metainfo(dict(group_kind='alphabet'))
    found = rows_of(model, memory[:2], ['ab', 'ba'])[1].argmax(-1)[:2].tolist()
    right = sum(one == other for one, other in zip(found, index('ba')))
    losses = model.loss(memory, None, samples, group_size=2)
    assert losses['lookup_accuracy'].item() == pytest.approx(right / 2)


@of_all
def test_reading_after_remembered_words_is_reading_a_row(kind):
    model, memory = decoder(**kind), pictures(4)
    tokens = targets_of(TEXTS[3:]).tokens
    wanted = rows_of(model, memory, TEXTS)[3:, :tokens.shape[1]]
    at_once = read_after(model, memory[:3], TEXTS[:3], [[0, 1, 2]], memory[3:], tokens)
    torch.testing.assert_close(at_once, wanted, rtol=1e-5, atol=1e-5)
    words = model.remember(memory[:3], targets_of(TEXTS[:3]))
    with torch.no_grad():
        cache = model.prepare(
            WordsInContext(memory[3:], model.context_of(words, torch.tensor([[0, 1, 2]]))))
        state, steps = model.start(cache)[0], []
        for t, fed in enumerate(tokens.unbind(1)):
            state, logits, _ = model.step(cache, state, fed, t)
            steps.append(logits['word'])
    torch.testing.assert_close(torch.stack(steps, 1), wanted, rtol=1e-5, atol=1e-5)


@of_all
def test_words_with_contexts_of_all_lengths_share_a_batch(kind):
    model, memory, queries = decoder(**kind), pictures(4), pictures(4, seed=2)
    serving = [[2, 0, 3], [1, -1, -1], [-1, -1, -1], [3, 1, -1]]
    tokens = torch.randint(0, END, (4, 5), generator=torch.Generator().manual_seed(0))
    tokens[:, 0] = START
    batch = read_after(model, memory, TEXTS, serving, queries, tokens)
    for i, numbers in enumerate(serving):
        used = [number for number in numbers if number >= 0]
        query, fed = queries[i:i + 1], tokens[i:i + 1]
        if used:  # only those are remembered
            alone = read_after(model, memory[used], [TEXTS[k] for k in used],
                               [[*range(len(used))]], query, fed)
        else:
            alone = model.decode(query, tokens=fed).logits['word']
        torch.testing.assert_close(batch[i:i + 1], alone, rtol=1e-5, atol=1e-5)
    context = model.context_of(model.remember(memory, targets_of(TEXTS)), torch.tensor(serving))
    batch = model.nbest(WordsInContext(queries, context), 2)
    for i, found in enumerate(batch):
        rows = slice(i, i + 1)
        alone, = model.nbest(WordsInContext(queries[rows], selected(context, rows)), 2)
        assert [word.tokens for word in found] == [word.tokens for word in alone]
        assert [word.probability for word in found] == pytest.approx(
            [word.probability for word in alone], rel=1e-4)


def test_independent_contexts_are_a_set():
    model, memory = decoder(context='independent'), pictures(4)
    tokens = targets_of(['cab1']).tokens
    found = [read_after(model, memory, TEXTS, [order], pictures(1, seed=2), tokens)
             for order in ([0, 1, 2, 3], [2, 3, 1, 0], [0, 1, 2])]
    torch.testing.assert_close(found[0], found[1], rtol=1e-6, atol=1e-5)
    assert not torch.allclose(found[0], found[2], atol=1e-3)


@of_all
def test_remembered_words_are_joined(kind):
    model, memory, targets = decoder(**kind), pictures(4), targets_of(TEXTS)
    with torch.no_grad():
        whole = model.remember(memory, targets)
        parts = Remembered.joined([
            model.remember(memory[rows], selected(targets, rows))
            for rows in (slice(0, 3), slice(3, 4))])
        contexts = [model.context_of(words, torch.tensor([[3, 0]])) for words in (whole, parts)]
    torch.testing.assert_close(*contexts, rtol=1e-5, atol=1e-5)


def test_greedy_reading_is_fed_what_it_reads():
    model, queries = decoder(), pictures(3)
    with torch.no_grad():
        probabilities = model.forward_test(None, queries)
        read = probabilities.argmax(-1)
        tokens = F.pad(read[:, :-1], (1, 0), value=START)
        again = model.decode(queries, tokens=tokens).logits['word'].softmax(-1)
    for row, found in enumerate(read.tolist()):
        length = 1 + (found.index(END) if END in found else LONGEST)
        torch.testing.assert_close(probabilities[row, :length], again[row, :length],
                                   rtol=1e-5, atol=1e-5)


def test_words_too_many_or_too_long_for_rows_are_refused():
    model = decoder(positions='row', max_positions=30)
    assert rows_of(model, pictures(4)[:3], TEXTS[:3]).isfinite().all()
    with pytest.raises(ValueError, match='up to 32 tokens are longer than max_positions=30'):
        rows_of(model, pictures(4), TEXTS)
    with pytest.raises(ValueError, match='up to 31 tokens are longer than max_positions=30'):
        read_after(model, pictures(4), TEXTS, [[0, 1, 2]], pictures(1), torch.tensor([[START]]))


def test_what_fits_not_together_is_refused():
    for wrong in (dict(positions='page'), dict(context='none')):
        with pytest.raises(ValueError, match='positions must be one of'):
            decoder(**wrong)
    with pytest.raises(ValueError, match="no order, so positions must be 'word'"):
        decoder(context='independent', positions='row')


def test_half_precision_and_gradients():
    model = decoder(context='independent').train()
    samples = [sample(text) for text in TEXTS]
    whole = copy.deepcopy(model).eval().loss(pictures(4), None, samples, group_size=4)
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.eval().loss(pictures(4), None, samples, group_size=4)
    for name, loss in losses.items():
        assert loss.item() == pytest.approx(whole[name].item(), rel=0.1)
    sum(losses.values()).backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all()
               for weight in model.parameters())
    assert IGNORE_INDEX not in fed_words(targets_of(TEXTS), END)[0]
