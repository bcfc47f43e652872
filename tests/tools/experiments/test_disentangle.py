import json

import cv2
import numpy as np
import pytest
import torch

from mmocr_siga.rendering import build_renderer
from mmocr_siga.rendering.fonts import bundled_font_dir
from mmocr_siga.rendering.plain import draw_plain_in_box, plain_face
from tests.helpers.editors import ToldReader, editor_files
from tools.experiments import disentangle as tool


@pytest.fixture(scope='module')
def files(tmp_path_factory):
    return [str(path) for path in editor_files(tmp_path_factory.mktemp('editor'))]


@pytest.fixture
def run(files, tmp_path, monkeypatch):
    """Run an experiment with the bundled faces; gives its rows by kind and method."""
    monkeypatch.setattr(tool, 'held_out_renderer', lambda recipe, network, **_: build_renderer(
        recipe, fonts=[bundled_font_dir()])[0])
    monkeypatch.setattr(tool, 'rival_faces', lambda *_: [plain_face()])
    monkeypatch.setattr(tool, 'PROBED', dict(faces=3, words=10, tokens=200))

    def run(name, *options):
        assert tool.main([name, '--config', files[0], '--weights', files[1], '--out',
                          str(tmp_path), '--sheet', '1', *options]) == 0
        assert (tmp_path / f'{name}.md').is_file()
        return {(row['kind'], row['method']): row
                for row in json.loads((tmp_path / f'{name}.json').read_text())}

    return run


def test_removal(run, tmp_path):
    rows = run('removal', '--pairs', '6')
    assert {method for _, method in rows} == {
        'copy', 'border color', 'Telea, 2-means mask', 'Telea, true mask', 'network, whole board',
        'network, laid over'}
    assert {row['pictures'] for row in rows.values()} == {2}
    # Print on a plain board: Telea is good at it, a copy is not.
    assert (rows['print', 'Telea, true mask']['in-mask PSNR']
            > rows['print', 'copy']['in-mask PSNR'] + 10)
    assert cv2.imread(str(tmp_path / 'removal.png')).shape[1] > 8 * 256


def test_editing(run, monkeypatch):
    monkeypatch.setattr(tool, 'judges', lambda: {'nobody': lambda images: [''] * len(images)})
    rows = run('editing', '--pairs', '4')
    assert {row['read by nobody (%)'] for row in rows.values()} == {0}
    assert set(rows['print', 'truth']) == {'kind', 'method', 'read by nobody (%)'}
    # Drawn in the true face, or one like it, in the true color.
    assert (rows['print', 'erase and draw']['in-mask PSNR']
            > rows['print', 'copy']['in-mask PSNR'])


@pytest.mark.filterwarnings('ignore:lbfgs failed')
def test_probes(run, monkeypatch):
    monkeypatch.setattr(tool, 'ITERATIONS', 3)
    rows = run('probes')
    assert len(rows) == 18  # three features, trained and untrained, of which three things are asked
    assert {round(row['chance (%)']) for (task, _), row in rows.items() if 'face' in task} == {33}
    assert all(0 <= row['found (%)'] <= 100 for row in rows.values())


def test_look(run, files, tmp_path, monkeypatch):
    picture = cv2.imencode('.png', np.full((40, 120, 3), 200, np.uint8))[1].tobytes()
    record = type('Record', (), dict(text='word', load=lambda self: picture))()
    monkeypatch.setattr(tool, 'validation_words', lambda: {'set': [record] * 3})
    monkeypatch.setattr('mmocr_siga.inference.editor.load_reader', lambda: ToldReader())
    tool.main(['look', '--config', files[0], '--weights', files[1], '--out', str(tmp_path),
               '--sheet', '2'])
    assert (tmp_path / 'look.png').is_file()


def test_recognition(run, files, monkeypatch):
    words = [np.full((32, 100), 40 * i, np.uint8) for i in range(4)]
    reader = tool.WordInferencer(*files, device='cpu', tta=0)
    texts = [result.text for result in reader(words)]
    records = [type('Record', (), dict(text=text, load=lambda self, word=word: word))()
               for text, word in zip([*texts[:3], 'other'], words)]
    monkeypatch.setattr(tool, 'validation_words', lambda: dict(a=records[:2], b=records[2:]))
    rows = run('recognition', '--beside', 'twin', *files)
    for reader in ('this', 'twin'):
        assert [rows[name, reader]['right (%)'] for name in ('a', 'b', 'all')] == [100, 50, 75]


def test_probes_find_what_is_linear_and_nothing_else():
    torch.manual_seed(0)
    labels = np.arange(300) % 3
    folds = np.arange(300) // 3 % 5
    features = torch.randn(300, 8)
    nothing = tool.classified(features, labels, folds)
    assert abs(nothing['found (%)'] - 33) < 12 and nothing['chance (%)'] == pytest.approx(100 / 3)
    features[torch.arange(300), torch.from_numpy(labels)] += 8
    found = tool.classified(features, labels, folds)
    assert found['found (%)'] > 98 and abs(found['of shuffled labels (%)'] - 33) < 12
    texts = ['ab' if label == 0 else 'b' if label == 1 else 'ba' for label in labels]
    cells = tool.present(features, texts, folds)  # of b in all words nothing is to be found
    assert cells['found (%)'] > 98 and abs(cells['of shuffled labels (%)'] - 50) < 25


def test_characters_at_places():
    glyphs = np.zeros((8, 16), np.uint8)
    glyphs[:, :6], glyphs[:, 6:10], glyphs[6:, 12:] = 1, 2, 3
    word = tool.ProbedWord(None, 'Bc!', glyphs, 0)
    places, labels = tool.characters_at([word], (2, 4), 0)
    found = {tuple(place): int(label) for place, label in zip(places.tolist(), labels)}
    b, c = int('b', 36), int('c', 36)
    # Of equal counts the first one; symbols are left out.
    assert found == {(0, 0, 0): b, (0, 1, 0): b, (0, 0, 1): b, (0, 1, 1): b, (0, 0, 2): c,
                     (0, 1, 2): c}


def test_rivals():
    image = np.full((32, 128, 3), (10, 90, 200), np.uint8)
    assert (tool.border_color(image) == image).all()
    box = (20, 6, 100, 26)
    ink = draw_plain_in_box((32, 128), box, 'TEA')
    image[ink > 127] = 250
    drawn = tool.erase_and_draw(image, ['TEA', 'SUN'], [plain_face()])
    want = draw_plain_in_box((32, 128), box, 'SUN')
    assert (drawn[want > 250] > 200).all(1).mean() > 0.9
    assert np.abs(drawn[want == 0].astype(int) - (10, 90, 200)).max(1).mean() < 10
