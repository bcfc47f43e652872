import copy

import numpy as np
import pytest
import torch

from mmocr_siga.apis import ContextPool, WordInferencer
from mmocr_siga.inference.context_pool import picture_digest
from mmocr_siga.inference.in_context import InContextWords
from tests.helpers.readers import PIPELINE, UNPADDED, reader_files, word_picture, word_pictures
from tests.helpers.words import DICTIONARY

PICTURES = word_pictures(7)
TEXTS = ['ab', 'c', 'dab', 'ca', 'bd', 'acd', 'b']


def files_of(folder, pipeline=PIPELINE, seed=0, **decoder):
    return reader_files(
        folder, pipeline, seed, type='InContextRecognizer', glyph_head=None,
        encoder=dict(type='ImageTokenEncoder', in_channels=8, channels=8, size=(2, 32)),
        decoder=dict(
            type='InContextDecoder', dictionary=dict(DICTIONARY), channels=8, num_layers=2,
            num_heads=2, inner_channels=16, cross_heads=2, cross_channels=4, gate_init=1.0,
            max_seq_len=7, **decoder))


@pytest.fixture(scope='module', params=['independent', 'causal'])
def files(request, tmp_path_factory):
    return files_of(tmp_path_factory.mktemp('reader'), context=request.param)


def pool_of(pictures=PICTURES, texts=TEXTS):
    pool = ContextPool()
    assert not any(pool.add(pictures, texts))
    return pool


def reader(files, pool=None, **options):
    """One whose pool counts for whatever is read, untrained as it is."""
    read = WordInferencer(*files, device='cpu', **{**dict(tta=0), **options}, context=pool)
    if pool is not None:
        read.context.helps, read.context.floor = True, -np.inf
    return read


def same(first, second):
    assert [vars(result) for result in first] == [vars(result) for result in second]


def close(first, second):
    for one, other in zip(first, second):
        assert one.text == other.text and one.score == pytest.approx(other.score, rel=1e-3)


@pytest.mark.parametrize('pool', [
    ContextPool(), pool_of(PICTURES[:1], ['ab']), pool_of(PICTURES[:2], ['é', 'b' * 9]),
    pool_of(PICTURES[:3], ['zzz', 'yyy', 'xxx'])], ids=['empty', 'single', 'unspelled', 'useless'])
def test_a_pool_that_cannot_help_changes_nothing(files, pool):
    plain, read = (WordInferencer(*files, device='cpu', tta=0, **more)
                   for more in ({}, dict(context=pool)))
    assert isinstance(read.context, InContextWords) and not read.context.helps
    queries = word_pictures(9)[2:]
    for nbest in (1, 3):
        same(read(queries, 4, nbest), plain(queries, 4, nbest))


def test_words_unlike_the_pools_stay_as_they_are_read_without(files):
    plain, read = reader(files), reader(files, pool_of())
    found = read.context.pool.encoded.features @ read.context.pool.encoded.features.T
    np.fill_diagonal(found, -np.inf)
    read.context.floor = float(found.max(1).min())
    foreign = [255 - picture for picture in PICTURES[:3]] + [np.zeros((32, 90, 3), np.uint8)]
    same(read(foreign), plain(foreign))
    assert any(result.by_context for result in read(PICTURES))


def test_a_word_is_read_after_the_most_similar_and_nothing_is_trained(files):
    pool = pool_of()
    read = reader(files, pool, shots=3)
    before = copy.deepcopy(read.model.state_dict())
    queries = word_pictures(10)[7:]
    results = read(queries)
    decoder, start = read.model.decoder, torch.tensor([read.model.decoder.num_classes])
    tokens = [read.taught(picture, start)[0][0] for picture in
              [*queries, *map(pool.picture, range(7))]]
    words = [decoder.dictionary.str2idx(text) for text in TEXTS]
    features = [part.mean(0) / part.mean(0).norm() for part in tokens]
    for i, result in enumerate(results):
        similar = [float(features[i] @ other) for other in features[3:]]
        nearest = sorted(range(7), key=lambda k: -similar[k])[:3]
        # As the row of context and query that it is, one character after the other.
        row, read_so_far = [words[k] for k in nearest], []
        memory = torch.stack([*(tokens[3 + k] for k in nearest), tokens[i]])[None]
        while len(read_so_far) < 8:
            said = decoder_says(decoder, memory, [*row, read_so_far])
            if said == decoder.dictionary.end_idx:
                break
            read_so_far.append(said)
        assert result.by_context and result.text == ''.join(
            decoder.dictionary.dict[k] for k in read_so_far)
    after = read.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@torch.no_grad()
def decoder_says(decoder, memory, labels):
    """The character after those of the last label."""
    end, steps = decoder.dictionary.end_idx, 2 + max(map(len, labels))
    tokens = torch.full((1, len(labels), steps), end)
    there = torch.zeros(1, len(labels), steps, dtype=torch.bool)
    for i, label in enumerate(labels):
        fed = [decoder.num_classes, *label, end][:None if i + 1 < len(labels) else -1]
        tokens[0, i, :len(fed)], there[0, i, :len(fed)] = torch.tensor(fed), True
    reading = decoder.rows(memory, tokens, there, tokens)['word']
    return int(reading.logits[-1, len(labels[-1])].argmax())


@pytest.mark.parametrize('nbest', [1, 3])
def test_a_batch_reads_as_each_word_alone(files, nbest):
    read = reader(files, pool_of(), shots=6)
    queries = [PICTURES[2], *word_pictures(11)[7:], PICTURES[0]]  # two have fewer words before them
    close(read(queries, nbest=nbest), [read(query, nbest=nbest)[0] for query in queries])


def test_a_words_own_picture_never_serves_it_and_views_have_its_context(files):
    pool = pool_of([*PICTURES, PICTURES[3]], [*TEXTS, 'dd'])
    read = reader(files, pool, tta=1, shots=8)
    served = []
    decoder = read.model.decoder
    decoder.context_of, of = (lambda words, numbers: served.append(numbers) or of(words, numbers)
                              ), decoder.context_of
    read(PICTURES[3])
    assert len(served) > 1
    rows = torch.cat(served)
    assert (rows == rows[0]).all()  # in all views
    assert sorted(rows[0].tolist()) == [-1, -1, 0, 1, 2, 4, 5, 6]
    assert len(read.context.contexts) == 1
    assert picture_digest(PICTURES[3]) in read.context.contexts


def test_what_is_kept_of_a_pool(files, tmp_path):
    pool = pool_of(PICTURES[:4], ['ab', 'é', 'c', 'd'])
    read = reader(files, pool)
    first = pool.encoded
    tokens = len(first.keys) // 3
    assert first.counts.tolist() == [tokens, 0, tokens, tokens]
    assert read.context.words.tokens.shape == (3, 4) and read.context.rows.tolist() == [0, 0, 1, 2]
    pool.save(tmp_path / 'pool.npz')
    again = reader(files, str(tmp_path / 'pool.npz'))
    assert all(np.array_equal(*pair) for pair in zip(again.context.pool.encoded, first))
    same(again(PICTURES), read(PICTURES))
    (tmp_path / 'other').mkdir()
    other = reader(files_of(tmp_path / 'other', seed=1), pool)
    assert pool.encoded.fingerprint != first.fingerprint and other.context.pool is pool
    # A file that only says that it is of this reader.
    for changes in (dict(counts=np.array([2, 0, 1, 3 * tokens - 3], np.int32)),
                    dict(keys=first.keys[:, :3]), dict(counts=first.counts[::-1].copy())):
        pool.encoded = first._replace(**changes)
        reader(files, pool)
        assert np.allclose(pool.encoded.keys, first.keys)


def test_a_pool_is_checked_by_its_own_words(files):
    read = reader(files, pool_of())
    evidence = read.context
    serving = torch.tensor([[1, 2], [0, 2]])
    rows = torch.tensor([0, 5])
    for given in (None, serving):
        right = []
        for i, row in enumerate(rows.tolist()):
            words = [] if given is None else given[i].tolist()
            label = read.model.decoder.dictionary.str2idx(TEXTS[row])
            memory = evidence.words.memory[[*words, row]][None]
            context = [read.model.decoder.dictionary.str2idx(TEXTS[k]) for k in words]
            for t, character in enumerate(label):
                right.append(
                    decoder_says(read.model.decoder, memory, [*context, label[:t]]) == character)
        assert evidence._right(rows, given).tolist() == right


@pytest.mark.parametrize('gained, lost, helps', [(5, 0, True), (4, 0, False), (30, 16, True),
                                                 (30, 18, False), (0, 9, False)])
def test_a_pool_counts_if_it_helps_by_more_than_chance(files, gained, lost, helps, monkeypatch):
    alone = torch.tensor([False] * gained + [True] * lost + [False] * 20 + [True] * 20)
    after = alone.clone()
    after[:gained + lost] ^= True
    monkeypatch.setattr(InContextWords, '_right',
                        lambda self, rows, serving: alone if serving is None else after)
    read = WordInferencer(*files, device='cpu', tta=0, context=pool_of(), optimize=False)
    assert read.context.helps is helps
    near = read.context.pool.encoded.features @ read.context.pool.encoded.features.T
    np.fill_diagonal(near, -np.inf)
    assert read.context.floor == pytest.approx(np.quantile(near.max(1), .05), abs=1e-6)


def test_pictures_of_several_sizes_are_refused(tmp_path):
    with pytest.raises(ValueError, match='pictures of one size: .* keep_ratio=False'):
        reader(files_of(tmp_path, UNPADDED), pool_of([word_picture('A', (40, 40)), PICTURES[2]],
                                                     ['a', 'b']))
