"""tools/analysis/trunk_ablation.py, on maps of random numbers in the place of the trunk's."""
import numpy as np
import pytest
import torch
import trunk_ablation as tool
from mmengine.registry import init_default_scope
from mmengine.structures import LabelData
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from torch.nn import functional as F


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmocr')


@pytest.fixture
def words():
    draw = torch.Generator().manual_seed(0)
    samples = []
    for text, ratio in (('Ab', 1.0), ('', 0.5), ('x' * 30, 1.0), ('7-7', 0.25)):
        sample = TextRecogDataSample(
            metainfo=dict(img_path='', img_shape=(48, 160), valid_ratio=ratio))
        sample.gt_text = LabelData(item=text)
        samples.append(sample)
    sizes = (96, 12, 40), (192, 6, 40), (384, 3, 40), (20, 120)
    return tool.Words(
        torch.randint(0, 255, (4, 3, 48, 160), dtype=torch.uint8, generator=draw),
        tuple(torch.randn(4, *size, generator=draw).half() for size in sizes), samples)


@pytest.mark.parametrize('name', ['sar', 'nrtr', 'aster'])
def test_every_host_learns_and_reads_with_every_plugin(name, words):
    args = tool.parse_args(['--batch-size', '3', '--steps', '2'])
    boxes = np.array([[0, 0, 0.5, 1], [0.5, 0, 1, 1]])
    starts = []
    for variant in tool.CHOICES:
        torch.manual_seed(1)
        model = MODELS.build(dict(tool.host(name), plugins=tool.plugins(variant)))
        starts.append(model.decoder.state_dict())
        before = model.backbone.last.weight.clone()
        tool.train(model, words, 2, 1, args)
        assert not torch.equal(before, model.backbone.last.weight)
        seen = tool.attention(model, words, [('val', None, 'Ab', boxes)] * 4)
        assert 0 <= seen['val']['share'] <= 1 and 0 <= seen['val']['drift'] <= 1
    assert all(start.keys() == starts[0].keys() for start in starts)


@pytest.mark.parametrize('name', ['sar', 'nrtr', 'aster'])
def test_words_read_right_are_those_of_greedy_reading(name, words):
    args = tool.parse_args(['--batch-size', '4', '--lr', '0.01'])
    torch.manual_seed(0)
    model = MODELS.build(dict(tool.host(name), plugins={}))
    tool.train(model, words, 60, 0, args)
    read = model.predict(**words.batch(model, slice(0, 4)))
    texts = [sample.pred_text.item for sample in read]
    assert tool.right(model, words).tolist() == [
        text == label for text, label in zip(texts, ('ab', '', 'x' * 30, '77'))]
    assert tool.right(model, words)[0]  # it has learnt something


def test_weights_of_plugins_are_those_of_their_names():
    for variant in tool.CHOICES:
        for name, plugin in tool.plugins(variant).items():
            key = 'weight' if name.startswith('coverage') else 'loss_weight'
            assert plugin[key] == (0.1 if 'light' in variant else 1)


class PooledTrunk(torch.nn.Module):
    """Maps of a trunk's sizes out of means of the image."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.5))
        self.norm = torch.nn.BatchNorm2d(3)

    def backbone(self, images, samples):
        x = self.scale * self.norm(images)
        return tuple(F.adaptive_avg_pool2d(x, size).repeat(1, channels // 3, 1, 1)
                     for channels, *size in ((96, 12, 40), (192, 6, 40), (384, 3, 40)))

    def encoder(self, levels):
        return levels[-1].mean(2).transpose(1, 2)[..., :120]


def test_a_trunk_that_is_tuned_learns_along_and_starts_from_the_host_that_has_learned(
        words, tmp_path):
    args = tool.parse_args(['--batch-size', '3', '--steps', '2', '--tune', '2', '--hosts', 'aster',
                            '--work-dir', str(tmp_path)])
    trunk, boxes = PooledTrunk().eval(), np.array([[0, 0, 0.5, 1], [0.5, 0, 1, 1]])
    statistics = trunk.norm.running_mean.clone()
    held = tool.Words(words.inputs, tuple(  # what the trunk gives, held ready
        m.detach().half() for m in tool.trunk_maps(trunk, dict(
            inputs=(words.inputs - 127.5) / 127.5, data_samples=None))), words.samples)

    def sets():
        return trunk, held, (held, ['SVT', 'plates'] * 2), (held, [('val', None, 'Ab', boxes)] * 4)
    found = tool.run('aster', 'glyph', 0, 2, sets, args)
    assert found['steps'] == 2 and trunk.scale == 0.5  # each variant has a trunk of its own
    start = torch.load(tmp_path / 'aster/frozen_seed0.pth', weights_only=True)
    model = MODELS.build(dict(tool.host('aster'), plugins={}))
    model.load_state_dict(start)
    model.backbone.trunk = trunk
    frozen = held.batch(MODELS.build(dict(tool.host('aster'), plugins={})), [0, 3])
    assert torch.equal(held.batch(model, [0, 3])['inputs'], frozen['inputs'])
    torch.testing.assert_close(model.backbone.held[0], held.maps[-2][[0, 3]].float(),
                               atol=1e-2, rtol=0)
    tool.train(model, held, 2, 0, args)
    assert trunk.scale != 0.5 and torch.equal(trunk.norm.running_mean, statistics)
    rates = {len(group['params']): group['lr'] for group in tool.parameter_groups(model, 1e-2)}
    assert rates[3] == pytest.approx(1e-3)  # the trunk's scale and its norm's two


def test_accuracies_by_set():
    found = tool.accuracies(np.array([True, False, False, True]),
                            ['plates', 'SVT', 'SVT', 'wire_marks'])
    assert found == dict(plates=1, SVT=0, wire_marks=1, contextless=1, all=0.5)


def test_the_table_pairs_seeds():
    def row(variant, seed, value):
        seen = dict(share=0.5, drift=0.25)
        return dict(host='sar', variant=variant, seed=seed, steps=7, seconds=3.0,
                    accuracy=dict(all=value, contextless=value / 2),
                    attention=dict(val=seen, train=seen))
    table = tool.summarize([row('base', 0, 0.2), row('glyph', 0, 0.3), row('base', 1, 0.4),
                            row('glyph', 1, 0.5)])
    assert table.splitlines()[4:6] == [
        '| base | 2 | 30.0 ± 14.1 |  | 15.0 ± 7.1 |  | 50.0 ± 0.0 | 25.0 ± 0.0 '
        '| 50.0 ± 0.0 | 25.0 ± 0.0 | 7 | 3 |',
        '| glyph | 2 | 40.0 ± 14.1 | +10.0 ± 0.0 | 20.0 ± 7.1 | +5.0 ± 0.0 | 50.0 ± 0.0 '
        '| 25.0 ± 0.0 | 50.0 ± 0.0 | 25.0 ± 0.0 | 7 | 3 |']
