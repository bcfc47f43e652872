from __future__ import annotations

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce, get_world_size
from mmocr.registry import MODELS
from torch import Tensor, nn

from ..pseudo_labels.functional import at_least_float32, check


def distillation_loss(student: Tensor, teacher: Tensor, centre: Tensor,
                      student_temperature: float = 0.1, teacher_temperature: float = 0.04,
                      count: Tensor | float | None = None) -> Tensor:
    """What a student says of characters in one view against what a teacher says of the same
    characters in the other (DINO's loss per character; CCD, ICCV 2023).

    With P_s the softmax of the student's scores over its temperature, P_t that of the teacher's,
    less the center, over its own: the mean of -sum P_t log P_s over all characters and both
    directions. Neither teacher nor center gets a gradient. Without characters it is 0.

    >>> distillation_loss(torch.zeros(2, 3, 8), torch.zeros(2, 3, 8), torch.zeros(8))
    tensor(2.0794)

    Args:
        student, teacher: Scores (2, M, D) of M characters in both views.
        centre: (D,).
        count: What the sum over the characters is divided by; M by default.
    """
    _check_scores(student, teacher, centre)
    log_p = F.log_softmax(at_least_float32(student) / student_temperature, -1)
    target = _log_targets(teacher, centre, teacher_temperature).exp()
    count = max(student.size(1), 1) if count is None else count
    return -(target.flip(0) * log_p).sum() / (2 * count)


def _check_scores(student: Tensor, teacher: Tensor, centre: Tensor) -> None:
    check(student.dim() == 3 and student.size(0) == 2 and student.is_floating_point(), 'student',
          student, 'floating point of shape (2, M, D)')
    check(teacher.shape == student.shape and teacher.is_floating_point(), 'teacher', teacher,
          f'floating point of shape {tuple(student.shape)}, as student')
    check(centre.shape == student.shape[2:], 'centre', centre, f'of shape ({student.size(2)},)')


@torch.no_grad()
def _log_targets(teacher: Tensor, centre: Tensor, temperature: float) -> Tensor:
    return F.log_softmax((at_least_float32(teacher) - centre) / temperature, -1)


@MODELS.register_module()
class CharacterDistillationLoss(nn.Module):
    """:func:`distillation_loss` with a center that follows the teacher's scores.

    After each loss the buffer ``centre`` moves towards their mean over all characters, views and
    processes. Processes may have any numbers of characters: the gradients that they average are
    those of one process with all of them.

    Args:
        channels: Directions D of the scores.
        student_temperature, teacher_temperature: Of the softmax.
        momentum: Share of the old center in the new one.
    """

    def __init__(self, channels: int = 65536, student_temperature: float = 0.1,
                 teacher_temperature: float = 0.04, momentum: float = 0.9,
                 loss_weight: float = 1.0) -> None:
        super().__init__()
        self.temperatures = student_temperature, teacher_temperature
        self.momentum, self.loss_weight = momentum, loss_weight
        self.register_buffer('centre', torch.zeros(channels))

    def forward(self, student: Tensor, teacher: Tensor) -> dict[str, Tensor]:
        """Scores (2, M, D) each -> ``loss_distillation``; ``teacher_entropy``, the mean entropy of
        what the teacher says of a character, in nats, and ``teacher_variety``, that of the mean of
        all it says: log D and log D, if it says nothing; small and 0, if always the same."""
        count = teacher.new_full((), teacher.size(1), dtype=torch.float32)
        all_reduce(count, 'mean')
        losses = dict(
            loss_distillation=self.loss_weight * distillation_loss(
                student, teacher, self.centre, *self.temperatures,
                count.clamp(min=1 / get_world_size())),
            **self._entropies(teacher))
        self._follow(teacher, count)
        return losses

    @torch.no_grad()
    def _entropies(self, teacher: Tensor) -> dict[str, Tensor]:
        log_p = _log_targets(teacher, self.centre, self.temperatures[1]).flatten(0, 1)
        count = max(len(log_p), 1)
        p = log_p.exp()
        mean = p.sum(0) / count
        return dict(teacher_entropy=-(p * log_p).sum() / count,
                    teacher_variety=-torch.special.xlogy(mean, mean).sum())

    @torch.no_grad()
    def _follow(self, teacher: Tensor, count: Tensor) -> None:
        total = teacher.detach().float().sum((0, 1))
        all_reduce(total, 'mean')
        mean = total / (2 * count.clamp(min=1 / get_world_size()))
        moved = self.momentum * self.centre + (1 - self.momentum) * mean
        # Without characters it stays.
        self.centre.copy_(torch.where(count > 0, moved, self.centre))
