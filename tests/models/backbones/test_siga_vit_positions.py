"""Rotary positions and free widths of SIGAViT."""
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmocr.registry import MODELS
from torch.nn import functional as F

from mmocr_siga.models.necks import ColumnNeck
from tests.conftest import REPO
from tests.helpers.words import DICTIONARY, sample

timm = pytest.importorskip('timm', reason='SIGAViT needs timm')

SMALL = dict(type='SIGAViT', img_size=(32, 32), embed_dim=16, depth=2, num_heads=2, taps=(1, ),
             column_channels=6)


def build(position='rope', **changes):
    torch.manual_seed(0)
    return MODELS.build({**SMALL, 'position': position, **changes}).eval()


def recognizer(**changes):
    torch.manual_seed(1)
    return MODELS.build(dict(
        type='GlyphRecognizer', backbone={**SMALL, 'position': 'rope', **changes},
        data_preprocessor=dict(type='WordDataPreprocessor', mean=[127] * 3, std=[64] * 3),
        encoder=dict(type='SIGAEncoder', in_channels=(16, 16, 6), pyramid=None, row_convs=0,
                     recurrent=False, hidden_size=8),
        decoder=dict(type='ImplicitAttentionDecoder', dictionary=dict(DICTIONARY), in_channels=8,
                     hidden_size=8, max_seq_len=5))).eval()


def test_learned_positions_are_timms_own_transformer():
    model, image = build('learned'), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        last, taps = model.vit.forward_intermediates(image, indices=[0], output_fmt='NLC')
        first, found, _ = model(image)
    torch.testing.assert_close(found.flatten(2).transpose(1, 2), last)
    torch.testing.assert_close(first.flatten(2).transpose(1, 2), model.norms[0](taps[0]))
    assert set(build('rope_learned').state_dict()) == set(model.state_dict())
    assert set(model.state_dict()) - set(build().state_dict()) == {'vit.pos_embed'}


def test_angles_are_those_of_tokens_in_rows():
    """A model of one layer and one head, by hand."""
    model = build(num_heads=1, depth=1).double()
    image = torch.rand(1, 3, 32, 48, dtype=torch.float64)
    with torch.no_grad():
        tokens = model.vit.patch_embed(image)[0]
        block = model.vit.blocks[0]
        query, key, value = block.attn.qkv(block.norm1(tokens)).chunk(3, 1)
        rates = torch.tensor([100. ** (-j / 4) for j in range(4)], dtype=torch.float64)
        y, x = torch.meshgrid(torch.arange(8.), torch.arange(12.), indexing='ij')
        angles = torch.cat([x.reshape(-1, 1) * rates, y.reshape(-1, 1) * rates], 1)
        turn = torch.polar(torch.ones_like(angles), angles)
        query, key = (torch.view_as_real(torch.view_as_complex(t.reshape(96, 8, 2)) * turn
                                         ).flatten(1) for t in (query, key))
        tokens = tokens + block.attn.proj((query @ key.T / 4).softmax(1) @ value)
        tokens = model.vit.norm(tokens + block.mlp(block.norm2(tokens)))
        found = model(image)[1][0].flatten(1).T
    torch.testing.assert_close(found, tokens, rtol=0, atol=1e-12)


def test_other_sizes_resample_a_learned_embedding():
    model, image = build('rope_learned'), torch.rand(1, 3, 32, 64)
    with torch.no_grad():
        wide = model(image)[1]
        table = model.vit.pos_embed.transpose(1, 2).unflatten(2, (8, 8))
        table = F.interpolate(table, (8, 16), mode='bicubic', antialias=True)
        model.vit.pos_embed.data = table.flatten(2).transpose(1, 2)
        model.size = (8, 16)
        torch.testing.assert_close(model(image)[1], wide)
    with pytest.raises(AssertionError, match='divisible by patch size'):
        model(torch.rand(1, 3, 32, 30))


@pytest.mark.parametrize('changes', [
    {}, dict(position='learned'), dict(position='rope_learned', scale_to=32)])
def test_a_padded_word_is_read_as_it_is_alone(changes):
    model = recognizer(**changes).double()
    images = torch.randn(2, 3, 32, 100, dtype=torch.float64)
    words = [sample('ab', valid_ratio=28 / 100), sample('ab')]  # 25 * 0.28 is more than 7
    if 'learned' in changes.get('position', ''):
        # An embedding for the width of both: what it is resampled to differs by the width.
        model.backbone.vit.pos_embed.data[:] = model.backbone.vit.pos_embed[:, :1]
    with torch.no_grad():
        encoding = model.encode(images, words)[1]
        alone = model.encode(images[:1, :, :, :28])[1]
        read = [model.predict(x, [sample('')])[0].pred_text.item
                for x in (images[:1, :, :, :28], images[1:])]
        assert [word.pred_text.item for word in model.predict(images, words)] == read
        assert encoding.valid.sum(1).tolist() == [7, 25] and alone.valid is None
        torch.testing.assert_close(encoding.context[0, :7], alone.context[0], rtol=0, atol=1e-12)
        torch.testing.assert_close(
            model.decoder.forward_test(None, encoding, words)[:1],
            model.decoder.forward_test(None, alone, None), rtol=0, atol=1e-12)
        # Ratios are what an exported graph is given.
        ratios = model.encode(images, torch.tensor([0.28, 1.]))[1]
        assert torch.equal(ratios.context, encoding.context)
        unmasked = model.encode(images)[1]
        assert not torch.allclose(unmasked.context[0, :7], alone.context[0])
    loss = model.train().loss(images, words)['loss_word']
    loss.backward()
    assert loss.isfinite() and all(p.grad is None or p.grad.isfinite().all()
                                   for p in model.parameters())


def test_columns_see_zeros_for_padding():
    torch.manual_seed(0)
    neck = ColumnNeck(4, 5, pool=False).double().eval()
    for norm in neck.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(norm.bias)
    x = torch.randn(2, 4, 8, 9, dtype=torch.float64)
    valid = torch.tensor([[True] * 9, [True] * 4 + [False] * 5])
    found = neck(x, valid)
    torch.testing.assert_close(found[:1], neck(x[:1]), rtol=0, atol=1e-12)
    torch.testing.assert_close(found[1:, ..., :4], neck(x[1:, ..., :4]), rtol=0, atol=1e-12)
    assert not found[1, ..., 4:].any()


def test_scaled_positions_span_the_same_at_any_width():
    model = build(scale_to=32.)
    tokens = torch.zeros(1, 1)
    ends = [model._angles(8, w, None, tokens)[w // 2 - 1] * w / (w // 2 - 1) for w in (8, 32, 64)]
    torch.testing.assert_close(ends[0], ends[1])
    torch.testing.assert_close(ends[1], ends[2])
    assert ends[0][0] == pytest.approx(32)


def test_half_precision_keeps_the_angles():
    model, image = build(), torch.rand(1, 3, 32, 1024)
    with torch.no_grad():
        exact = model(image)[1]
        with torch.autocast('cpu', torch.bfloat16):
            near = model(image)[1]
        halved = build().bfloat16()(image.bfloat16())[1]
    assert halved.dtype == torch.bfloat16
    for found in (near.float(), halved.float()):
        assert (found - exact).abs().mean() < 0.02 * exact.abs().mean()


def test_one_checkpoint_reads_at_two_widths_and_in_onnx():
    pytest.importorskip('onnx', reason='the package onnx is not installed')
    ort = pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')
    from mmocr_siga.export.onnx_graph import recognizer_graph
    model = recognizer().requires_grad_(False)
    graph = recognizer_graph(model, (32, 64), 17, padded=True, dynamic_width=True)
    session = ort.InferenceSession(graph.SerializeToString(), providers=['CPUExecutionProvider'])
    for width, ratio in ((64, 1), (64, 0.5), (200, 0.7)):
        images = np.random.default_rng(0).integers(0, 256, (2, 32, width, 3), np.uint8)
        ratios = np.array([ratio, 1], np.float32)
        tokens, scores = session.run(None, dict(images=images, valid_ratio=ratios))
        inputs = (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127) / 64
        with torch.no_grad():
            encoding = model.encode(inputs, torch.from_numpy(ratios))[1]
            expected = model.decoder.forward_test(None, encoding, None).max(-1)
        assert (tokens == expected.indices[:, :tokens.shape[1]].numpy()).all()
        np.testing.assert_allclose(scores, expected.values[:, :tokens.shape[1]], atol=1e-5)


def test_the_wide_config_keeps_ratios_and_shares_its_weights():
    wide, fixed = (Config.fromfile(REPO / f'configs/vit_tiny_rope{name}.py')
                   for name in ('_wide', ''))
    assert wide.model == fixed.model
    for loader in (wide.train_dataloader, wide.val_dataloader, wide.test_dataloader):
        kinds = [step['type'] for step in loader.dataset.pipeline]
        assert 'RescaleToHeight' in kinds and not {'Resize', 'TextMask'} & set(kinds)
    learned = Config.fromfile(REPO / 'configs/vit_tiny.py')
    backbone = {**learned.model.backbone, 'position': 'rope'}
    assert {**learned.model, 'backbone': backbone} == fixed.model.to_dict()


def test_an_unknown_kind_of_position_is_named():
    with pytest.raises(ValueError, match="'learned', 'rope', 'rope_learned'.*'sine'"):
        build('sine')
