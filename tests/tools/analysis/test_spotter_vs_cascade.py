import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.structures import InstanceData
from mmocr.registry import MODELS
from PIL import Image

from mmocr_siga.apis import WordInferencer
from mmocr_siga.structures.results import WordResult
from tests.helpers.spotters import rectangle
from tools.analysis import spotter_vs_cascade as tool


@pytest.fixture
def parts(tmp_path, monkeypatch, pytestconfig):
    """Two scenes with a word each, and weights of the tiny spotter and its reader."""
    folder = tmp_path / 'real/ic15_scenes'
    (folder / 'images').mkdir(parents=True)
    (folder / 'gts').mkdir()
    rng = np.random.default_rng(0)
    for name in 'abc':
        picture = rng.integers(0, 255, (60, 90, 3), dtype=np.uint8)
        Image.fromarray(picture).save(folder / f'images/{name}.png')
        (folder / f'gts/gt_{name}.txt').write_text('5,5,50,5,50,25,5,25,word\n')
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    configs = pytestconfig.rootpath / 'configs'
    spotter = Config.fromfile(configs / 'spotting/siga_spotter_tiny.py')
    spotter.test_dataloader.dataset.update(part='all', test_count=0)
    spotter.test_dataloader.dataset.pipeline[1].update(scale=(96, 64))
    spotter.dump(tmp_path / 'spotter.py')
    torch.manual_seed(0)
    torch.save(dict(state_dict=MODELS.build(spotter.model).state_dict()), tmp_path / 'spotter.pth')
    reader = configs / 'siga_tiny.py'
    model = MODELS.build(dict(Config.fromfile(reader).model, glyph_head=None))
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'reader.pth')
    return [str(tmp_path / 'spotter.py'), str(tmp_path / 'spotter.pth'), '--model', str(reader),
            '--weights', str(tmp_path / 'reader.pth'), '--device', 'cpu']


def with_detections(monkeypatch, polygons):
    def predict(self, features, data_samples):
        for sample in data_samples:
            found = InstanceData(scores=torch.ones(len(polygons)))
            found.polygons = [polygon.copy() for polygon in polygons]
            sample.pred_instances = found
        return data_samples

    monkeypatch.setattr('mmocr.models.textdet.heads.DBHead.predict', predict)


def test_a_table(parts, monkeypatch, capsys):
    # One detection on the word of each scene, and one beside it.
    with_detections(monkeypatch, [rectangle(5, 5, 50, 25), rectangle(55, 30, 85, 50)])
    spot = tool.Spotter.spot
    monkeypatch.setattr(tool.Spotter, 'spot', lambda self, image: (
        spot(self, image) and ([rectangle(5, 5, 50, 25)], ['WORD'])))
    assert tool.main([*parts, '--limit', '2']) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {row[0]: row[1:] for row in ([cell.strip() for cell in line.strip('|').split('|')]
                                        for line in lines if line.startswith('|'))}
    # Two words, four detections, two of them right: 2 * 2 / (2 + 4).
    assert rows['detector alone'][:3] == ['-', '-', '0.6667']
    assert rows['trained together'][:3] == ['1.0000', '1.0000', '1.0000']
    assert all(float(rows[name][3]) > 0 for name in rows if name not in ('', '---'))
    assert set(rows) == {'', '---', 'detector alone', 'cascade', 'trained together'}


def test_the_cascade_drops_what_the_spotter_drops(parts, monkeypatch):
    with_detections(monkeypatch, [rectangle(5, 5, 50, 25), rectangle(5, 30, 50, 50),
                                  rectangle(55, 30, 85, 50)])
    reader = WordInferencer(parts[3], parts[5], 'cpu')
    spotter = tool.Spotter(Config.fromfile(parts[0]), parts[1], reader.device)
    spotter.model.min_text_score = 0.6
    answers = iter([('good', [0.9, 0.3]), ('', []), ('bad', [0.5, 0.6])])

    def iter_read(crops, **options):
        for _ in crops:
            text, scores = next(answers)
            yield WordResult(text=text, char_scores=scores)

    monkeypatch.setattr(reader, 'iter_read', iter_read)
    polygons, texts = tool.cascade(spotter, reader)(np.zeros((60, 90, 3), np.uint8))
    assert texts == ['good'] and len(polygons) == 1
    np.testing.assert_array_equal(polygons[0].reshape(-1), rectangle(5, 5, 50, 25))


def test_another_model_is_refused(parts):
    with pytest.raises(ValueError, match='not of a SIGASpotter'):
        tool.main([parts[3], parts[5], *parts[2:]])
