from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.evaluator import BaseMetric
from mmocr.registry import METRICS
from torch import Tensor


def drawing_sums(probability: Tensor, seg: Tensor, dropped: Tensor) -> dict[str, float]:
    """What :func:`obedience` is worked out from, summed over a drawing; sums of several add up.

    Args:
        probability: Of ink, (H, W) or with further axes, as the others.
        seg: 1 on ink that was asked for, 255 where nothing is known.
        dropped: bool, ink of words that were not asked for.
    """
    known, asked = seg != 255, seg == 1
    drawn = (probability > 0.5) & known
    outside = known & ~asked & ~dropped
    sums = dict(common=(drawn & asked).sum(), either=(drawn | asked).sum())
    for name, part in (('prompted', asked), ('dropped', dropped & known), ('outside', outside)):
        sums[f'p_{name}'] = probability[part].double().sum()
        sums[f'n_{name}'] = part.sum()
    return {name: float(value) for name, value in sums.items()}


def obedience(sums: dict[str, float]) -> dict[str, float]:
    """Figures of drawings.

    ``ink_iou`` of the pixels drawn with more than one half; mean probabilities of ink on the ink
    that was asked for, ``p_prompted``, on that of words left out, ``p_dropped``, and elsewhere,
    ``p_outside``; ``obedience``, 1 - p_dropped / p_prompted: 1 if nothing is drawn of words that
    are left out, 0 if they are drawn like the others. NaN where there is nothing to look at.
    """
    def ratio(a: float, b: float) -> float:
        return a / b if b else float('nan')

    found = {f'p_{name}': ratio(sums[f'p_{name}'], sums[f'n_{name}'])
             for name in ('prompted', 'dropped', 'outside')}
    return dict(ink_iou=ratio(sums['common'], sums['either']), **found,
                obedience=1 - ratio(found['p_dropped'], found['p_prompted']))


@METRICS.register_module()
class PromptObedienceMetric(BaseMetric):
    """Whether drawings show the ink of the words asked for and of no others; see :func:`obedience`.

    Samples are those of ``PackODMInputs`` with the prediction of ``ODMPretrainer``.
    """

    default_prefix = 'odm'

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            truth, drawn = sample['gt_plain'], sample['pred_plain']['ink']
            seg, dropped = (torch.as_tensor(truth[key]).to(drawn.device)
                            for key in ('seg', 'dropped'))
            self.results.append(drawing_sums(drawn, seg, dropped))

    def compute_metrics(self, results: list[dict[str, float]]) -> dict[str, float]:
        return obedience({name: sum(each[name] for each in results) for name in results[0]})
