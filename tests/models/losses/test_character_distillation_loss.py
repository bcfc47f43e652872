import math

import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.losses.functional import distillation_loss


def scores(seed, count=5, channels=7, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, count, channels, generator=generator, dtype=dtype)


def by_loops(student, teacher, centre, cold=0.1, colder=0.04):
    def softmax(values):
        top = max(values)
        powers = [math.exp(v - top) for v in values]
        return [p / sum(powers) for p in powers]

    student, teacher, centre = student.tolist(), teacher.tolist(), centre.tolist()
    losses = []
    for view in (0, 1):
        for ours, theirs in zip(student[1 - view], teacher[view]):
            p = softmax([(t - c) / colder for t, c in zip(theirs, centre)])
            q = softmax([s / cold for s in ours])
            losses.append(-sum(a * math.log(b) for a, b in zip(p, q)))
    return sum(losses) / len(losses)


def test_the_loss_is_the_mean_over_both_directions():
    student, teacher = scores(0, dtype=torch.float64), scores(1, dtype=torch.float64)
    centre = torch.linspace(-.3, .4, 7)
    wanted = by_loops(student, teacher, centre)
    assert distillation_loss(student, teacher, centre).item() == pytest.approx(wanted, rel=1e-10)
    ours = distillation_loss(student.float(), teacher.float(), centre)
    assert ours.item() == pytest.approx(wanted, rel=1e-5)
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(distillation_loss(student[:, order], teacher[:, order], centre),
                               distillation_loss(student, teacher, centre))


def test_no_gradient_to_teacher_or_center():
    student, teacher, centre = (t.requires_grad_() for t in (
        scores(0), scores(1), torch.zeros(7)))
    distillation_loss(student, teacher, centre).backward()
    assert student.grad.any() and teacher.grad is None and centre.grad is None
    # Along the softmax: p_s - p_t, over temperature and number.
    p, q = (student / .1).softmax(-1), (teacher / .04).softmax(-1).flip(0)
    torch.testing.assert_close(student.grad, (p - q).detach() / .1 / 10)


def test_uniform_scores_give_log_d():
    loss = MODELS.build(dict(type='CharacterDistillationLoss', channels=7))
    found = loss(torch.ones(2, 3, 7), torch.full((2, 3, 7), -4.))
    for name in ('loss_distillation', 'teacher_entropy', 'teacher_variety'):
        assert found[name].item() == pytest.approx(math.log(7))


def test_a_teacher_that_always_says_the_same_has_no_variety():
    loss = MODELS.build(dict(type='CharacterDistillationLoss', channels=7))
    found = loss(scores(0), 9 * torch.eye(7)[2].expand(2, 5, 7))
    assert found['teacher_variety'].item() == pytest.approx(0, abs=1e-6)
    found = loss(scores(0, 7), 9 * torch.eye(7).expand(2, 7, 7))
    assert found['teacher_variety'].item() == pytest.approx(math.log(7), rel=.05)


def test_the_center_follows_the_teacher():
    loss = MODELS.build(dict(type='CharacterDistillationLoss', channels=7, momentum=.75))
    teacher = scores(1)
    loss(scores(0), teacher)
    torch.testing.assert_close(loss.centre, .25 * teacher.mean((0, 1)))
    loss(scores(0), teacher)
    torch.testing.assert_close(loss.centre, (1 - .75**2) * teacher.mean((0, 1)))
    assert 'centre' in loss.state_dict()


def test_without_characters_loss_and_gradient_are_0_and_the_center_stays():
    loss = MODELS.build(dict(type='CharacterDistillationLoss', channels=7))
    loss(scores(0), scores(1))
    before, student = loss.centre.clone(), torch.randn(2, 0, 7, requires_grad=True)
    found = loss(student, torch.zeros(2, 0, 7))
    found['loss_distillation'].backward()
    assert all(float(value.detach()) == 0 for value in found.values())
    assert torch.equal(loss.centre, before) and student.grad is not None


def test_half_precision_is_computed_in_float32():
    student, teacher = scores(0).bfloat16(), scores(1).bfloat16()
    with torch.autocast('cpu', torch.bfloat16):
        found = distillation_loss(student, teacher, torch.zeros(7))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(by_loops(
        student.float(), teacher.float(), torch.zeros(7)), rel=1e-5)


@pytest.mark.parametrize('change', [
    dict(student=torch.zeros(3, 4, 5)), dict(teacher=torch.zeros(2, 3, 5)),
    dict(centre=torch.zeros(4))])
def test_other_shapes_are_refused(change):
    given = dict(student=torch.zeros(2, 4, 5), teacher=torch.zeros(2, 4, 5), centre=torch.zeros(5))
    with pytest.raises(ValueError, match='must be'):
        distillation_loss(**{**given, **change})
