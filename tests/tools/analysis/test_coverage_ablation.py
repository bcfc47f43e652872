"""tools/analysis/coverage_ablation.py, on maps of random numbers in the place of the trunk's."""
import coverage_ablation as tool
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import LabelData
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from trunk_ablation import Words, train


@pytest.fixture
def strings():
    init_default_scope('mmocr')
    draw = torch.Generator().manual_seed(0)
    samples = []
    for text, ratio in ((r'\frac{1}{2}', 1.0), ('ABAB', 0.5), ('', 0.25), ('x' * 120, 1.0)):
        sample = TextRecogDataSample(
            metainfo=dict(img_path='', img_shape=(48, 320), valid_ratio=ratio))
        sample.gt_text = LabelData(item=text)
        samples.append(sample)
    return Words(torch.randint(0, 255, (4, 3, 48, 320), dtype=torch.uint8, generator=draw),
                 tuple(torch.randn(4, *size, generator=draw).half()
                       for size in ((384, 3, 40), (20, 120))), samples)


@pytest.mark.parametrize('name', tool.DECODERS)
def test_every_decoder_learns_and_reads(name, strings):
    args = tool.parse_args(['--data', '', '--batch-size', '3'])
    torch.manual_seed(0)
    model = MODELS.build(tool.recognizer(name))
    before = {key: value.clone() for key, value in model.named_parameters()}
    train(model, strings, 2, 0, args)
    still = [key for key, value in model.named_parameters() if torch.equal(before[key], value)]
    assert not still
    texts = tool.read(model, strings)
    assert len(texts) == 4 and max(map(len, texts)) <= tool.LENGTH + 1  # none ends


def test_figures_by_hand():
    found = tool.figures(['ABAB', 'xy'], ['AB', 'xyyz'])
    assert found == dict(strings=0, right=1 - 4 / 6, dropped=2 / 6, doubled=0, inserted=2 / 6,
                         replaced=0)
    row = dict(decoder='CoMER', seconds=4, parts=dict(all=found, long=dict(right=.5)))
    head, _, line = tool.summarize([row], 'right').splitlines()
    assert head.count('|') == line.count('|') and head.endswith('replaced | long | s |')
    assert line == ('| CoMER | 1 | 0.0 ± 0.0 | 33.3 ± 0.0 | 33.3 ± 0.0 | 0.0 ± 0.0 | 33.3 ± 0.0 '
                    '| 0.0 ± 0.0 | 50.0 ± 0.0 | 4 |')
