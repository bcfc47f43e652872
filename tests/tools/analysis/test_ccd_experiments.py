import ccd_experiments as tool
import numpy as np
import pytest
import torch

from mmocr_siga.datasets.formats.writers import FolderWriter
from mmocr_siga.images import encode_picture
from tests.helpers.readers import word_picture


def test_regions_that_are_characters():
    glyphs = np.zeros((4, 20), np.uint8)
    glyphs[:, 0:10], glyphs[:, 10:20] = 1, 2
    assert tool.glyph_agreement(glyphs, glyphs) == [True, True]
    regions = np.roll(glyphs, 1, 1)  # 9 of 10 columns each, 9 / 11 = 0.82 of the union
    assert tool.glyph_agreement(regions, glyphs) == [True, True]
    assert tool.glyph_agreement(np.roll(glyphs, 2, 1), glyphs) == [False, False]  # 8 / 12
    assert tool.glyph_agreement((glyphs > 0).astype(np.uint8), glyphs) == [False, False]
    big = np.kron(glyphs, np.ones((16, 16), np.uint8))
    assert set(np.unique(tool.resized_glyphs(big))) == {1, 2}


def test_strips():
    np.random.seed(0)
    out = tool.StripViewPair(prob=0)(dict(img=word_picture('12')))
    counts = np.bincount(out['gt_regions'][0].ravel())
    assert counts.tolist() == [0, 1024, 1024, 1024, 1024]
    assert out['gt_pairs'].tolist() == [1, 2, 3, 4]


def test_shuffled_characters():
    torch.manual_seed(0)
    loss = tool.ShuffledDistillationLoss(channels=4)
    scores = 5 * torch.eye(4).expand(2, 4, 4)
    plain = tool.CharacterDistillationLoss(channels=4)(scores, scores)['loss_distillation']
    assert loss(scores, scores)['loss_distillation'] > plain + 1


def test_a_probe_finds_what_can_be_found():
    generator = torch.Generator().manual_seed(0)
    letters = [c for c in 'abc' for _ in range(30)]
    vectors = torch.eye(3).repeat_interleave(30, 0) + .1 * torch.randn(90, 3, generator=generator)
    assert tool.probe(vectors, letters, vectors, letters) == 1
    noise = torch.randn(90, 3, generator=generator)
    assert tool.probe(noise, letters, noise.flip(0), letters) < .6


def test_means_and_errors():
    assert tool.shown([.5, .6, .7]) == '60.0 (5.8)' and tool.shown([.25]) == '25.0 (0.0)'
    rows = [dict(arm='ccd', words=.5), dict(arm='scratch', words=.25)]
    assert list(tool.table(rows, ['words']))[2:] == ['| ccd | 1 | 50.0 (0.0) |',
                                                     '| scratch | 1 | 25.0 (0.0) |']


@pytest.mark.filterwarnings('ignore')
def test_runs_of_the_last_experiment_are_done_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('SIGA_DATA', str(tmp_path))
    for name in ('iiit5k_train', 'svt_train', 'ic15_train', 'ic03_train', 'plates'):
        for split in ('train', 'val'):
            with FolderWriter(tmp_path / 'real' / name, split) as writer:
                for text in ('ab1', '12', 'cd', 'word', 'x7', 'e5', 'ghi', 'w2'):
                    writer.add(encode_picture(word_picture(text)), text)
    # Long paths take seconds to format.
    monkeypatch.setattr(tool.Config, 'pretty_text', property(lambda self: repr(self.to_dict())))
    command = ['e2', '--out', str(tmp_path / 'e2'), '--seeds', '0', '--steps', '2',
               '--reader-steps', '3', '--batch', '2', '--arms', 'scratch', 'strips']
    tool.main(command)
    assert '| strips | 1 | ' in capsys.readouterr().out
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / 'e2').glob('*/*.pth')}
    assert {path.parent.name for path in made} == {
        'strips_0', 'reader_scratch_0', 'reader_strips_0'}
    tool.main(command)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / 'e2').glob('*/*.pth')} == made


def test_the_labeled_weights_fit_the_probed_backbone():
    frozen = tool.Frozen(tool.read_config(tool.CONFIGS / 'ccd_siga_tiny.py'))
    before = {name: value.clone() for name, value in frozen.backbone.state_dict().items()}
    tool.load_weights(frozen, tool.find_packaged(tool.LABELED).weights,
                      parts={'backbone': 'backbone'})
    assert any(not torch.equal(before[name], value)
               for name, value in frozen.backbone.state_dict().items())
