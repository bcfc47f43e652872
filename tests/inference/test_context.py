from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmocr_siga.apis import ContextPool, WordInferencer, load_reader
from mmocr_siga.inference import context
from mmocr_siga.inference.context import Columns, Steps, spelled_by
from mmocr_siga.inference.packaged import packaged_models
from mmocr_siga.models.decoders import CTCDecoder
from mmocr_siga.models.layers import selected
from mmocr_siga.rendering import FontLibrary, RenderStyle, WordRenderer
from mmocr_siga.rendering.fonts import built_in_faces, bundled_font_dir
from tests.helpers.readers import reader_files, word_picture, word_pictures
from tests.helpers.words import DICTIONARY, END, index, random_encoding

MODELS = ('siga_lcnet_words', 'siga_tiny_words')  # of columns, and of steps
packaged = pytest.mark.skipif(not {*MODELS} <= {*packaged_models()}, reason='no packaged weights')
of_both = pytest.mark.parametrize('model', MODELS)


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    return reader_files(tmp_path_factory.mktemp('reader'))


@pytest.fixture(scope='module')
def plain(files):
    return WordInferencer(*files, device='cpu', tta=0)


def pool_of(pictures, texts):
    pool = ContextPool()
    assert not any(pool.add(pictures, texts))
    return pool


def moved(columns, text='Abc'):
    """The same word a little further to the right."""
    return np.roll(word_picture(text), columns, 1)


def same(first, second):
    assert [vars(result) for result in first] == [vars(result) for result in second]


@pytest.mark.parametrize('pool', [
    ContextPool(), pool_of([moved(0)], ['xyz']),  # a single word, which cannot be checked
    pool_of([moved(0), moved(0, 'WWW')], ['xx', 'yy'])])  # of which none confirms the other
@pytest.mark.parametrize('nbest', [1, 3])
def test_an_empty_pool_or_one_that_confirms_nothing_changes_nothing(files, plain, pool, nbest):
    read = WordInferencer(*files, device='cpu', tta=0, context=pool)
    pictures = word_pictures(9)
    same(read(pictures, 4, nbest), plain(pictures, 4, nbest))


@packaged
@of_both
def test_words_like_the_pools_are_read_by_it_and_nothing_is_trained(model):
    plain = WordInferencer(model, tta=0)
    pool = pool_of([moved(0), moved(1), moved(3)], ['XYZ'] * 3)
    read = WordInferencer(model, tta=0, context=pool)
    before = {name: value.clone() for name, value in read.model.state_dict().items()}
    assert plain(moved(1) - 3)[0].text == 'Abc'
    result, = read(moved(1) - 3)
    assert result.text == 'XYZ' and len(result.char_scores) == len(result.char_boxes) == 3
    assert 0 < result.score <= np.prod(result.char_scores) + 1e-6
    assert read(moved(1) - 3, nbest=3)[0].nbest[0][0] == 'XYZ'
    batch = read([*word_pictures(3), moved(1) - 3])
    assert batch[3].text == 'XYZ' and batch[3].score == pytest.approx(result.score, abs=1e-5)
    after = read.model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@packaged
@of_both
@pytest.mark.parametrize('tta', [0, 1])
def test_a_words_own_picture_never_serves_it(model, tta):
    """Nor in other views of it."""
    pictures = [moved(0), moved(1), moved(3), moved(2)]
    texts = ['xyz', 'xyz', 'xyz', 'www']
    # The last two have the same picture.
    pool = pool_of([*pictures, pictures[3]], [*texts, 'uvw'])
    read = WordInferencer(model, tta=tta, context=pool)
    assert read.context.weight > 0
    asked = []
    read.context.of, of = lambda *given: asked.append(given) or of(*given), read.context.of
    read(pictures[3])
    assert asked and all(set(digests) == {pool.digests()[3]} for _, _, digests in asked)
    encoding, samples, _ = read.taught(pictures[3], torch.tensor([read.context.classes, 0]))
    votes, _ = of(encoding, samples, [pool.digests()[3]])
    assert votes.sum(-1).flatten().tolist() == pytest.approx([1] * votes[..., 0].numel(), abs=1e-5)
    assert votes[..., read.model.decoder.dictionary.str2idx('wuv')].abs().max() == 0


PICTURES = [moved(i) for i in range(4)] + word_pictures(3)
TEXTS = ['ab', 'ab', 'ac', 'ab', 'c', 'd', 'ea']


@pytest.fixture(params=['steps', pytest.param('columns', marks=packaged)])
def reader(request, files, monkeypatch):
    monkeypatch.setattr(context, 'CONFIRMED', 0)  # they hardly read each other
    model = files if request.param == 'steps' else MODELS[:1]
    return WordInferencer(*model, device='cpu', tta=0, context=pool_of(PICTURES, TEXTS), shots=5)


def test_votes_weight_and_floor_are_those_of_brute_force(reader):
    evidence, found = reader.context, reader.context.pool.encoded
    decoder, columns = reader.model.decoder, evidence.places is Columns
    silent = decoder.blank if columns else END
    owners = np.repeat(range(7), found.counts)
    for i, text in enumerate(TEXTS):
        classes = found.labels[owners == i].tolist()
        if columns:  # of an alignment of the label
            classes = [one for k, one in enumerate(classes) if k == 0 or one != classes[k - 1]]
            classes = [one for one in classes if one != silent] + [silent]
        assert classes == [*decoder.dictionary.str2idx(text), silent]
    keys, labels = found.keys.astype(np.float64), found.labels

    def votes_of(query, allowed):
        similar = sorted(((float(query @ keys[g]), labels[g]) for g in range(len(keys))
                          if owners[g] in allowed), reverse=True)[:8]
        out = np.zeros(evidence.classes)
        for value, label in similar:
            out[label] += np.exp(20 * value)
        return out / out.sum(), similar[0][0]

    letters = np.flatnonzero(labels != silent)
    alone = [votes_of(keys[g], set(range(7)) - {owners[g]}) for g in letters]
    right = np.array([votes.argmax() for votes, _ in alone]) == labels[letters]
    odds = [(n + 1) / (len(letters) - n + 1) for n in (right.sum(), found.known[letters].sum())]
    near = [value for (_, value), ok in zip(alone, right) if ok]
    assert evidence.weight == pytest.approx(odds[0] / sum(odds))
    assert evidence.floor == pytest.approx(np.quantile(near, .1), abs=1e-5)
    encoding, samples, _ = reader.taught(moved(5), torch.tensor([evidence.classes, 0]))
    query = evidence.places.keys(reader, encoding, samples)
    votes, weight = evidence.of(encoding, samples, [None])
    nearest = set(np.argsort(-(found.features @ query.word[0].numpy()), kind='stable')[:5])
    shown = range(query.places.shape[1])
    for t in shown if query.valid is None else torch.nonzero(query.valid[0])[:, 0].tolist():
        wanted, near = votes_of(query.places[0, t].double().numpy(), nearest)
        np.testing.assert_allclose(votes[0, t].numpy(), wanted, atol=1e-4)
        assert weight[0, t].item() == pytest.approx(
            evidence.weight * (near >= evidence.floor), abs=1e-6)


@packaged
@of_both
def test_a_pool_with_exchanged_labels_is_not_believed(model):
    codes = '0123456789AbCdEF'
    displays = [face for face in built_in_faces(codes) if 'segments' in face.path]
    pictures, texts = rendered(displays, codes, 16, 1)
    assert WordInferencer(model, tta=0, context=pool_of(pictures, texts)).context.weight > 0.2
    read = WordInferencer(model, tta=0, context=pool_of(pictures, texts[1:] + texts[:1]))
    assert read.context.weight == 0


def test_columns_are_mixed_with_their_evidence():
    torch.manual_seed(0)
    decoder = CTCDecoder(dict(DICTIONARY, with_padding=True), in_channels=4, max_seq_len=6)
    sequence = torch.randn(3, 6, 4)
    votes, weight = torch.rand(3, 6, 38).softmax(-1), torch.rand(3, 6)
    weight[2] = 0
    with torch.no_grad():
        columns = decoder.columns(decoder.prepare(sequence))
        found = decoder.search(sequence, 1, evidence=(votes, weight))
        plain = decoder.search(sequence, 3)
        same_words = decoder.search(sequence, 3, evidence=(votes, 0 * weight))
        best = decoder.search(sequence, 3, width=50, evidence=(votes, weight))
    mixed = ((1 - weight[..., None]) * columns.exp() + weight[..., None] * votes).numpy()
    for (word, ), likely, values in zip(found, best, mixed):
        path = values.argmax(-1)
        spelled = [k for i, k in enumerate(path) if i == 0 or k != path[i - 1]]
        assert list(word.tokens) == [k for k in spelled if k != decoder.blank]
        assert likely[0].probability >= word.probability * (1 - 1e-4)
    for one, other in zip(plain, same_words):
        assert [word.tokens for word in one] == [word.tokens for word in other]
    expected = decoder.forward_test(None, sequence)[2].argmax(-1).tolist()
    assert list(found[2][0].tokens) == expected[:expected.index(END)]


def rendered(faces, characters, count, seed):
    rng = np.random.default_rng(seed)
    texts = [''.join(rng.choice(list(characters), rng.integers(4, 7))) for _ in range(count)]
    labels = iter(texts)
    style = RenderStyle.preset('easy')
    render = WordRenderer(FontLibrary(faces, characters),
                          SimpleNamespace(draw=lambda rng: next(labels)), style, seed=seed)
    return [render(i).image for i in range(count)], texts


def right(read, pictures, texts):
    return sum(r.text == text for r, text in zip(read(pictures, return_char_boxes=False), texts))


@packaged
@of_both
def test_displays_are_read_better_by_a_pool_of_them_and_print_as_without(model):
    codes, letters = '0123456789AbCdEF', 'BCDEFGHKLMNPRSTVWXYZ2345679'
    displays = [face for face in built_in_faces(codes) if 'segments' in face.path]
    pool = pool_of(*rendered(displays, codes, 24, 1))
    read, plain = WordInferencer(model, tta=0, context=pool), WordInferencer(model, tta=0)
    queries = rendered(displays, codes, 16, 2)
    assert right(read, *queries) > right(plain, *queries)
    print_faces = FontLibrary.discover(letters, [bundled_font_dir()]).plainest(3).faces
    pictures, _ = rendered(print_faces, letters, 12, 3)
    same(read(pictures), plain(pictures))


def test_search_with_evidence(plain):
    decoder = plain.model.decoder
    encoding = plain.taught(word_picture(), torch.tensor([37]))[0]
    encoding = selected(encoding, torch.tensor([0, 0]))
    evidence = torch.zeros(2, 4, decoder.num_classes)
    for row, word in zip(evidence, ('wxyz', 'q')):
        row[range(4), [*index(word), *[END] * 4][:4]] = 1
    with torch.no_grad():
        want = decoder.search(encoding, 3)
        none = decoder.search(encoding, 3, evidence=(evidence, torch.zeros(2, 4)))
        full = decoder.search(encoding, 3, evidence=(evidence, torch.ones(2, 4)))
    assert [[h.tokens for h in word] for word in none] == [[h.tokens for h in w] for w in want]
    assert list(full[0][0].tokens[:4]) == index('wxyz') and list(full[1][0].tokens) == index('q')
    assert full[1][0].probability == pytest.approx(1, abs=1e-5)


def test_features_are_made_anew_for_another_reader_alone(files, tmp_path):
    pool = pool_of(word_pictures(3), ['ab', 'é', 'c' * 99])
    read = WordInferencer(*files, device='cpu', context=pool)
    first = pool.encoded
    assert first.counts.tolist() == [3, 0, 0] and len(first.features) == 3
    assert spelled_by(read)('Ω') == ('ω', "its label has 'ω', which the dictionary lacks")
    assert 'longer than' in spelled_by(read)('c' * 99)[1]
    WordInferencer(*files, device='cpu', context=pool, optimize=False)
    assert pool.encoded is first
    other = WordInferencer(*reader_files(tmp_path, seed=1), device='cpu', context=pool)
    assert pool.encoded.fingerprint != first.fingerprint and other.context.pool is pool
    assert not np.allclose(pool.encoded.features, first.features, atol=1e-3)


def test_other_models_refuse_a_context(tmp_path):
    config, weights = reader_files(tmp_path, kind='parallel', glyph_head=None)
    with pytest.raises(ValueError, match='context needs a GlyphRecognizer with an encoder'):
        WordInferencer(config, weights, device='cpu', context=ContextPool())
    with pytest.raises(ValueError, match='context needs PyTorch'):
        load_reader(backend='onnx', context=ContextPool())


def test_features_leave_padding_out():
    encoding = random_encoding(batch=1)
    cut = encoding._replace(sequence=encoding.sequence[:, :4])
    padded = encoding._replace(valid=torch.tensor([[True] * 4 + [False] * 2]))
    assert torch.allclose(Steps.keys(None, cut, []).word, Steps.keys(None, padded, []).word)
