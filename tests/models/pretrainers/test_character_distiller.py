import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.losses.functional import distillation_loss, text_mask_loss
from tests.helpers.distillers import batch, distiller, distiller_config


@pytest.fixture
def model():
    return distiller().train()


def total(losses):
    return sum(value for name, value in losses.items() if 'loss' in name)


def test_the_losses_are_those_of_vectors_pooled_by_loops(model):
    with torch.no_grad():  # a teacher of its own
        for parameter in model.teacher.parameters():
            parameter.add_(.05 * torch.randn_like(parameter))
    data = batch(model.eval(), prob=1)
    centre = torch.linspace(-.1, .1, 32)
    model.loss_distillation.centre.copy_(centre)
    losses = model(**data, mode='loss')
    samples, n = data['data_samples'], 2
    scores = {}
    for name in ('student', 'teacher'):
        network = getattr(model, name)
        feature = network.backbone(data['inputs'])[1].detach()
        rows = []
        for view in range(2):
            for i, sample in enumerate(samples):
                for k in sample.gt_pairs.tolist():
                    inside = (sample.gt_regions.data[view] == k).nonzero().tolist()
                    tokens = [feature[view * n + i][:, y // 4, x // 4] for y, x in inside]
                    rows.append(torch.stack(tokens).double().mean(0).float())
        scores[name] = network.head(torch.stack(rows)).unflatten(0, (2, -1))
    assert scores['student'].shape[1] > 3
    wanted = distillation_loss(scores['student'], scores['teacher'], centre)
    torch.testing.assert_close(losses['loss_distillation'], wanted)
    logits = model.segmentation(model.student.backbone(data['inputs']))
    masks = torch.cat([torch.stack([s.gt_text_mask.data[view] for s in samples])
                       for view in range(2)])
    torch.testing.assert_close(losses['loss_mask'], text_mask_loss(logits, masks))
    found = [int(s.gt_regions.data[0].max()) for s in samples]
    assert losses['regions'].item() == sum(found) / 2
    assert losses['pairs'].item() == scores['student'].shape[1] / 2


def test_gradients_reach_the_student_alone(model):
    losses = model(**batch(model), mode='loss')
    total(losses).backward()
    assert all(p.grad is not None and p.grad.isfinite().all()
               for name in ('student', 'segmentation') for p in getattr(model, name).parameters())
    assert all(p.grad is None and not p.requires_grad for p in model.teacher.parameters())


def test_frozen_directions_do_not_learn(model):
    model.student.head.frozen = True
    total(model(**batch(model), mode='loss')).backward()
    head = model.student.head
    assert head.directions.grad is None and head.gain.grad is None
    assert head.mlp[0].weight.grad.any()


@pytest.mark.parametrize('texts', [('Glyph', ), (None, ), (None, 'Glyph'), (None, None)])
@pytest.mark.parametrize('own', [False, True])
def test_one_word_and_words_without_characters(model, texts, own):
    model.own_masks = own
    before = model.loss_distillation.centre.clone()
    if own and texts[-1] is None:  # no text anywhere
        torch.nn.init.zeros_(model.segmentation.classifier.weight)
        model.segmentation.classifier.bias.data = torch.tensor([1., -1.])
    losses = model(**batch(model, texts), mode='loss')
    total(losses).backward()
    assert all(value.isfinite() for value in losses.values())
    if texts[-1] is None:
        assert losses['loss_distillation'] == losses['pairs'] == losses['regions'] == 0
        assert not any(p.grad.any() for p in model.student.head.parameters())
        assert torch.equal(model.loss_distillation.centre, before)


def test_own_masks_are_cut_into_characters_in_both_views(model):
    data = batch(model.eval(), ('Glyph', '12'), prob=1)
    given = model(**data, mode='loss')

    class Sees(torch.nn.Module):
        """A segmentation that finds the given masks."""

        def forward(self, maps):
            masks = torch.cat([torch.stack([s.gt_text_mask.data[v] for s in data['data_samples']])
                               for v in range(2)]).float()
            return 20 * torch.stack([.5 - masks, masks - .5], 1)

    model.segmentation, model.own_masks = Sees(), True
    model.loss_distillation.centre.zero_()
    own = model(**data, mode='loss')
    for name in ('loss_distillation', 'regions', 'pairs', 'teacher_entropy'):
        torch.testing.assert_close(own[name], given[name])


def test_the_teacher_begins_as_the_student_and_follows_it(model):
    for one, other in zip(model.teacher.state_dict().values(), model.student.state_dict().values()):
        assert torch.equal(one, other)
    start = {name: p.clone() for name, p in model.teacher.named_parameters()}
    steps = []
    for _ in range(3):
        with torch.no_grad():
            for p in model.student.parameters():
                p.add_(torch.randn_like(p))
        steps.append({name: p.clone() for name, p in model.student.named_parameters()})
        model.update_teacher(.75)
    for name, p in model.teacher.named_parameters():
        closed = .75**3 * start[name] + .25 * sum(
            .75**(2 - i) * step[name] for i, step in enumerate(steps))
        torch.testing.assert_close(p, closed)


def test_the_teachers_statistics_are_its_own(model):
    with torch.no_grad():
        model.teacher.backbone.layer1[0].conv1.weight.mul_(2)
    data = batch(model)
    model(**data, mode='loss')
    norm, theirs = (network.backbone.layer1[0].bn1 for network in (model.teacher, model.student))
    assert norm.training and norm.num_batches_tracked == 1
    torch.testing.assert_close(norm.running_mean, 2 * theirs.running_mean)
    model.update_teacher(.5)
    torch.testing.assert_close(norm.running_mean, 2 * theirs.running_mean)


def test_bfloat16(model):
    data = batch(model)
    wanted = model(**data, mode='loss')
    model.loss_distillation.centre.zero_()
    with torch.autocast('cpu', torch.bfloat16):
        losses = model(**data, mode='loss')
    total(losses).backward()
    for name in ('loss_mask', 'loss_distillation'):
        assert losses[name].dtype == torch.float32
        assert losses[name].item() == pytest.approx(wanted[name].item(), rel=.02)


def test_the_references_mask_loss():
    model = distiller(loss_mask=dict(type='TextMaskLoss', reference=True))
    loss = model(**batch(model), mode='loss')['loss_mask']
    assert .313 < loss < 1.313


def test_it_gives_features_and_reads_nothing(model):
    data = batch(model.eval())
    maps = model(data['inputs'])
    assert maps[1].shape == (4, 8, 8, 32) and not maps[1].requires_grad
    plain = model.data_preprocessor(dict(
        inputs=[torch.zeros(3, 32, 128, dtype=torch.uint8)], data_samples=None))
    assert model(plain['inputs'])[0].shape == (1, 8, 16, 64)
    with pytest.raises(ValueError, match='reads no words .*teacher.backbone'):
        model(**data, mode='predict')


def test_a_vision_transformer():
    pytest.importorskip('timm')
    model = MODELS.build(distiller_config(
        backbone=dict(type='SIGAViT', embed_dim=24, depth=3, num_heads=2, taps=(1, 2),
                      column_channels=None, drop_path_rate=.5),
        segmentation=dict(type='TokenSegmentationHead', in_channels=24, taps=2, channels=8),
        head=dict(type='DistillationHead', in_channels=24, out_channels=32), feature=-1)).train()
    drops = [[m.drop_prob for m in network.modules() if type(m).__name__ == 'DropPath']
             for network in (model.student, model.teacher)]
    assert max(drops[0]) == .5 and not any(drops[1])
    total(model(**batch(model), mode='loss')).backward()
    assert all(p.grad is not None for n in (model.student, model.segmentation)
               for p in n.parameters())
