import numpy as np
import pytest

from mmocr_siga.inference.context_pool import EncodedPool
from tests.helpers.readers import word_pictures
from tools.experiments import in_context


@pytest.mark.parametrize('name', ['dot_matrix', 'seven_segments', 'invented_alphabet'])
def test_drawn_words_have_no_text_on_both_sides(name):
    tested, pool = in_context.drawn_words(name, 5, 0)
    assert len(tested) == 5 and len(pool) == 100
    assert len({text for _, text in tested + pool}) == 105
    again, _ = in_context.drawn_words(name, 5, 0)
    assert all((one == other).all() for (one, _), (other, _) in zip(tested, again))


def test_real_words_have_no_text_on_both_sides(tmp_path, monkeypatch):
    folder = tmp_path / 'real' / 'wire_marks'
    folder.mkdir(parents=True)
    for i, picture in enumerate(word_pictures(30)):
        (folder / f'{i}.png').write_bytes(in_context.encode_picture(picture, '.png'))
    for split, numbers in dict(val=range(10), train=range(10, 30)).items():
        (folder / f'{split}.tsv').write_text(''.join(f'{i}.png\t{i % 20}\n' for i in numbers))
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    tested, pool = in_context.real_words('wire_marks', 4, 0)
    texts, others = [text for _, text in tested], [text for _, text in pool]
    # Six of validation come first; of the training words those whose labels are not tested.
    assert len(tested) == 4 and {*texts} | {*others[:6]} == set(map(str, range(10)))
    assert len(others) == 6 + 20 - 4 and not {*texts} & {*others}
    assert len(in_context.real_words('wire_marks', 40, 0)[0]) == 10
    assert in_context.real_words('plates_us', 4, 0) is None


def test_pools_of_the_controls():
    pictures = word_pictures(100)
    words = {name: ([], [(picture, f'{name}{i}') for i, picture in enumerate(pictures)])
             for name in 'ab'}
    found = {method: (pool.texts, shots) for method, pool, shots in in_context.contexts('a', words)}
    own = [f'a{i}' for i in range(100)]
    assert found['context 8'] == (own[:8], 8) and found['context 100'] == (own, 100)
    assert found['exchanged labels'][0] == [*own[1:32], own[0]]
    assert found['other kind'] == ([f'b{i}' for i in range(32)], 32)
    assert found['nearest 8 of 100'][1] == found['random 8 of 100'][1] == 8


def test_random_words_serve_in_the_place_of_the_nearest():
    pool = in_context.pool_of(list(zip(word_pictures(6), 'abcdef')), in_context.RandomPool)
    pool.encoded = EncodedPool('', np.array([1] * 5 + [0], np.int32), np.eye(6, dtype=np.float32),
                               np.zeros((5, 1), np.float32), np.zeros(5, np.int32),
                               np.zeros(5, bool))
    found = pool.nearest(np.eye(6)[:1], 9, [pool.digests()[0]])[0]
    assert sorted(found[:4]) == [1, 2, 3, 4] and (found[4:] == -1).all()


def test_results_are_kept_and_intervals_hold(tmp_path):
    file = tmp_path / 'results.jsonl'
    results = in_context.Results(file, 2, 0)
    run = dict(reader='mine', set='plates_us', method='none')
    assert results.missing(**run)
    results.add(run, [(None, 'A-1'), (None, 'b')], ['a1', 'c'], 0.5, 0.0)
    again = in_context.Results(file, 2, 0)
    assert not again.missing(**run) and in_context.Results(file, 3, 0).missing(**run)
    strict, loose = (in_context.table(again.rows, protocol) for protocol in ('94', '36'))
    assert '| 0 (0-0)' in strict and '| 50 (0-100)' in loose and '0.250' in strict
    mean, low, high = in_context.interval([True] * 64 + [False] * 36)
    # By the normal distribution: 1.96 sqrt(.64 .36 / 100) = 9.4 points.
    assert mean == 64 and (low, high) == pytest.approx((54.6, 73.4), abs=1.5)
