"""What docs/guides/spotter.md shows builds and learns as it is written there."""
import re

import torch
from mmocr.registry import MODELS

from tests.conftest import REPO
from tests.models.spotters.test_siga_roi_head import sample

PAGE = REPO / 'docs' / 'guides' / 'spotter.md'


def test_the_heads_of_the_page():
    head, whole = (b for b in re.findall(r'```python\n(.*?)```', PAGE.read_text('utf-8'), re.DOTALL)
                   if '_head = ' in b)
    names = {}
    exec(head + whole, names)
    model = MODELS.build(names['roi_head']).train()
    inputs = [torch.randint(0, 256, (3, 96, 96), dtype=torch.uint8) for _ in range(2)]
    data = MODELS.build(names['data_preprocessor'])(
        dict(inputs=inputs, data_samples=[sample(['Ab!', 'c']), sample(['de'])]), True)
    feats = [torch.randn(2, 256, 96 // s, 96 // s) for s in (4, 8, 16)]
    losses = model.loss(feats, data['data_samples'])
    assert {'loss_word', 'loss_mask'} <= set(losses)
    assert all(loss.isfinite() for loss in losses.values())
    alone = MODELS.build(names['rec_head'])
    proposals = [s.gt_instances for s in data['data_samples']]
    assert 'loss_word' in alone.loss(torch.randn(3, 256, 8, 32), proposals)
