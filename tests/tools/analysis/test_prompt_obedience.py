from collections import Counter

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmocr.registry import DATASETS, MODELS
from torch import nn

from mmocr_siga.compat.configs import read_config
from mmocr_siga.rendering.plain import draw_plain_words, plain_face
from tests.conftest import REPO
from tests.helpers.odm import PREPROCESSOR
from tools.analysis import prompt_obedience as tool


class Draftsman(nn.Module):
    """Draws exactly what is asked for, or all words whatever is asked for."""

    def __init__(self, obeys):
        super().__init__()
        self.obeys = obeys
        self.data_preprocessor = MODELS.build(PREPROCESSOR)

    def forward(self, inputs, data_samples, mode):
        for sample in data_samples:
            words = zip(sample.gt_instances.polygons, sample.gt_instances.texts)
            wanted = [word for word in words
                      if not self.obeys or word[1] in sample.prompt.texts]
            ink, _ = draw_plain_words(sample.img_shape[:2], wanted, plain_face())
            sample.pred_plain = PixelData(ink=torch.from_numpy(ink >= 30).float()[None])
        return data_samples


@pytest.fixture(scope='module')
def scenes():
    return DATASETS.build(dict(
        type='RenderedSceneDataset', length=6, size=(128, 96), signs=(2, 4), cap_height=(8, 12),
        difficulty='easy', fonts=plain_face().path, pipeline=[
            dict(type='LoadOCRAnnotations', with_polygon=True, with_bbox=True, with_label=True,
                 with_text=True),
            dict(type='TextPrompt', drop=(0.33, 0.34), noise=None, prob=1.0),
            dict(type='DestyledLabel'), dict(type='PackODMInputs')]))


@pytest.mark.parametrize('obeys', [True, False])
def test_one_who_obeys_and_one_who_does_not(scenes, obeys, tmp_path):
    swap = tool.TextPrompt(decoys='lexicon')
    found = tool.measure(Draftsman(obeys), scenes, swap, 4, 0, tmp_path / 'sheets')
    assert found['ink_iou'] == pytest.approx(1, abs=.01)
    assert found['p asked'] > .98 and found['p of words that stay, left out'] > .98
    assert found['p elsewhere'] < .01
    for way in tool.WAYS[1:]:
        assert found[f'obedience, {way}'] == pytest.approx(float(obeys), abs=.05)
    sheets = sorted((tmp_path / 'sheets').iterdir())
    assert len(sheets) == 4 and cv2.imread(str(sheets[0])).shape[0] == 3 * 96


def test_paling_as_a_whole_is_no_obedience():
    def drawn(p_dropped, p_prompted):
        sums = dict(common=1, either=2, p_dropped=p_dropped, n_dropped=1, p_prompted=p_prompted,
                    n_prompted=1, p_outside=0, n_outside=1)
        return Counter({f'{all_}{name}': n for name, n in sums.items() for all_ in ('', 'all_')})

    sums = {'asked': drawn(.4, .8), 'left out': drawn(.1, .4), 'exchanged': drawn(.2, .4)}
    found = tool.figures(sums)
    assert found['obedience, left out'] == pytest.approx(.5)  # 1 - (1/4) / (1/2)
    assert found['obedience, exchanged'] == pytest.approx(0)


def test_the_three_prompts(scenes):
    np.random.seed(1)
    sample = next(s for s in (scenes[i]['data_samples'] for i in range(6))
                  if len(s.gt_instances.texts) > 2)
    words, swap = sample.gt_instances, tool.TextPrompt(decoys='lexicon')
    prompts = tool.asked_for(sample, swap)
    gone = [t for t, dropped in zip(words.texts, words.dropped) if dropped]
    assert gone and sorted(prompts['asked']) == sorted(words.texts)
    assert sorted(prompts['left out'] + gone) == sorted(words.texts)
    new = [text for text in prompts['exchanged'] if text not in words.texts]
    assert sorted(map(len, new)) == sorted(map(len, gone))


def test_words_are_exchanged_for_those_of_the_config(tmp_path):
    (tmp_path / 'words.txt').write_text('tea\nbar\nhotel\n')
    cfg = read_config(REPO / 'configs/odm/odm_tiny.py')
    cfg.test_dataloader.dataset.update(backgrounds=None, lexicon=None, size=(96, 96))
    prompt = next(t for t in cfg.test_dataloader.dataset.pipeline if t.type == 'TextPrompt')
    prompt.lexicon = str(tmp_path / 'words.txt')
    dataset, swap = tool.held_out(cfg, 3)
    assert len(dataset) == 3 and 'decoys' not in prompt  # the config stays as it was
    np.random.seed(0)
    assert {swap.decoy('bus') for _ in range(30)} == {'tea', 'bar'}
    assert swap.decoy('water') == 'hotel'
