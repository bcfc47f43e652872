import copy
import math

import pytest
import torch
from mmocr.registry import MODELS

from tests.helpers.words import DICTIONARY, sample

MODEL = dict(
    type='GlyphRecognizer',
    backbone=dict(type='LCNetV4', stem_channels=(4, 8), depths=(1, 1), strides=((2, 1), )),
    encoder=dict(type='LightSVTREncoder', in_channels=16, channels=8, pool=(6, 2), num_heads=2,
                 num_blocks=1),
    decoder=dict(type='CTCDecoder', dictionary=dict(DICTIONARY, with_padding=True), in_channels=8),
    data_preprocessor=dict(type='WordDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3))


def build(weight=1.0, teacher=MODEL):
    torch.manual_seed(0)
    plugin = dict(type='CTCDistillation', teacher=copy.deepcopy(teacher), loss_weight=weight)
    return MODELS.build(dict(copy.deepcopy(MODEL), type='PluggedGlyphRecognizer',
                             plugins=dict(keep=plugin)))


def words():
    torch.manual_seed(1)
    return torch.randn(2, 3, 48, 64), [sample('ab', targets=False), sample('', targets=False)]


def test_the_loss_by_its_definition():
    model = build(weight=2.0).train()
    model.backbone.eval(), model.encoder.eval()
    plugin = model.plugins['keep']
    for decoder in (model.decoder, plugin.teacher.decoder):
        torch.nn.init.normal_(decoder.classifier.weight, std=0.5)
    images, samples = words()
    losses = model.loss(images, samples)
    end = model.decoder.dictionary.end_idx
    columns = []
    for reader in (plugin.teacher, model):
        sequence = reader.encoder(reader.extract_feat(images), samples)
        logits = reader.decoder.classifier(sequence).double()
        logits[..., end] = -math.inf
        columns.append(logits.softmax(-1))
    theirs, ours = columns
    ratio = torch.where(theirs > 0, (theirs / ours).log(), 0)
    divergence = (theirs * ratio).sum(-1).mean(-1)
    # The second label is empty: its only path is all blanks.
    blanks = theirs[1, :, model.decoder.blank].prod()
    known = plugin.label_probability(theirs.log().clamp(min=-1e4).float(),
                                     type('Run', (), dict(recognizer=model, data_samples=samples)))
    assert float(known[1]) == pytest.approx(float(blanks), rel=1e-4)
    expected = 2 * (known * divergence).mean()
    assert losses['loss_distillation'].item() == pytest.approx(expected.item(), rel=1e-4)
    assert losses['loss_distillation'].requires_grad


def test_the_teacher_is_no_part_of_the_model():
    model = build()
    assert not [name for name in model.state_dict() if name.startswith('plugins')]
    before = copy.deepcopy(model.plugins['keep'].teacher.state_dict())
    losses = model.train().loss(*words())
    sum(loss for name, loss in losses.items() if name.startswith('loss')).backward()
    after = model.plugins['keep'].teacher.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not model.plugins['keep'].teacher.training


def test_other_teachers_are_refused():
    with pytest.raises(TypeError, match='needs a CTCDecoder, but has a ImplicitAttentionDecoder'):
        build(teacher=dict(MODEL, decoder=dict(
            type='ImplicitAttentionDecoder', dictionary=DICTIONARY, in_channels=8)))
    small = dict(MODEL, encoder=dict(MODEL['encoder'], pool=(6, 4)))
    with pytest.raises(ValueError, match=r'the teacher tells \(4, 38\).*the recognizer \(8, 38\)'):
        build(teacher=small).train().loss(*words())
