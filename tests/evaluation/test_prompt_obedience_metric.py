import pytest
import torch

from mmocr_siga.evaluation.prompt_obedience_metric import PromptObedienceMetric


def test_figures_by_hand():
    seg = torch.tensor([[[1, 1, 0, 0, 255, 0]]], dtype=torch.uint8)
    dropped = torch.tensor([[[False, False, True, False, True, False]]])
    first = torch.tensor([[[.9, .3, .2, .1, 1., .6]]])
    second = torch.tensor([[[1., .8, .4, .1, 0., .2]]])
    metric = PromptObedienceMetric()
    metric.process(None, [dict(gt_plain=dict(seg=seg, dropped=dropped), pred_plain=dict(ink=ink))
                          for ink in (first, second)])
    found = metric.compute_metrics(metric.results)
    # Drawn: 0 and 5 of the first, 0 and 1 of the second; asked for: 0 and 1 of each.
    assert found['ink_iou'] == pytest.approx(3 / 5)
    assert found['p_prompted'] == pytest.approx((.9 + .3 + 1 + .8) / 4)
    assert found['p_dropped'] == pytest.approx(.3)
    assert found['p_outside'] == pytest.approx((.1 + .6 + .1 + .2) / 4)
    assert found['obedience'] == pytest.approx(1 - .3 / .75)
    empty = torch.zeros(1, 1, 2, dtype=torch.bool)
    metric.results.clear()
    metric.process(None, [dict(gt_plain=dict(seg=empty.byte(), dropped=empty),
                               pred_plain=dict(ink=torch.zeros(1, 1, 2)))])
    found = metric.compute_metrics(metric.results)
    assert found['p_outside'] == 0 and found['ink_iou'] != found['ink_iou']
