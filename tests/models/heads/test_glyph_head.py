import pytest
import torch
from mmocr.registry import MODELS

from mmocr_siga.models.target_generators.text_masks import gray_images
from mmocr_siga.structures.encodings import GlyphEncoding
from tests.helpers.words import sample, tiny_model

TERMS = {
    'loss_implicit', 'loss_plain', 'loss_reading_coarse', 'loss_reading_fine', 'loss_mask',
    'loss_orthogonality', 'loss_coverage', 'loss_glyph_coarse', 'loss_glyph_fine'
}


def build():
    torch.manual_seed(0)
    return MODELS.build(tiny_model())


def encode(model, words):
    torch.manual_seed(1)
    inputs = torch.randn(len(words), 3, 32, 128)
    feat = model.extract_feat(inputs)
    gray = gray_images(inputs, model.data_preprocessor)
    return gray, feat, model.encoder(feat), [sample(w) for w in words]


def test_labels_pass_no_gradient_on():
    """Glyph losses reach neither attention nor mask, alignment moves the former alone."""
    model = build()
    head = model.glyph_head
    losses = head.loss(*encode(model, ['abc', 'de']))
    (losses['loss_glyph_fine'] + losses['loss_glyph_coarse']).backward(retain_graph=True)
    assert all(p.grad is None for p in head.aligner.parameters())
    assert model.encoder.glyph_maps['fine'].weight.grad.abs().sum() > 0
    (losses['loss_orthogonality'] + losses['loss_coverage']).backward()
    assert head.aligner.decoder.key.weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in head.segmentation.parameters())


class Pointwise(torch.nn.Module):
    """A segmentation head that looks at one cell at a time."""

    def __init__(self):
        super().__init__()
        self.up = torch.nn.ConvTranspose2d(8, 2, 2, 2)

    def forward(self, feats, skip=None):
        return 5 * self.up(feats[0])


def columns(map_like, seed, dim=-1):
    """Twice as many columns, noise in the right half."""
    noise = 9 * torch.randn(map_like.shape, generator=torch.Generator().manual_seed(seed))
    return torch.cat([map_like, noise.to(map_like.dtype)], dim)


@pytest.mark.parametrize('masks', [True, False])
@pytest.mark.parametrize('scaled', [True, False])
def test_padding_takes_no_part(masks, scaled):
    """A word alone and at the left of noise, whose maps agree where the word is."""
    cfg = tiny_model()
    cfg['glyph_head'].update(
        pseudo_labels=dict(type='GlyphPseudoLabelGenerator', scale_threshold=scaled))
    head = MODELS.build(cfg['glyph_head'])
    head.segmentation = Pointwise()
    encoding = GlyphEncoding(
        sequence=torch.randn(2, 32, 8), context=torch.randn(2, 32, 8), valid=None,
        glyph_maps=dict(fine=torch.randn(2, 9, 16, 64), coarse=torch.randn(2, 9, 8, 32)),
        glyph_features={scale: torch.randn(2, 8, 8) for scale in ('fine', 'coarse')},
        mask_feature=torch.randn(2, 8, 16, 64))
    gray = 255 * torch.rand(2, 32, 128)
    mask = torch.rand(1, 32, 128) > 0.5 if masks else None
    losses = head.loss(gray, [], encoding, [sample('abc', mask=mask), sample('d', mask=mask)])

    padded = encoding._replace(
        sequence=columns(encoding.sequence, 1, 1), context=columns(encoding.context, 2, 1),
        valid=(torch.arange(64) < 32).expand(2, -1),
        glyph_maps={s: columns(maps, 3) for s, maps in encoding.glyph_maps.items()},
        mask_feature=columns(encoding.mask_feature, 4))
    gray = columns(gray, 5).clamp(0, 255)
    words = [sample(word, 0.5, mask) for word in ('abc', 'd')]
    got = head.loss(gray, [], padded, words)
    for name in TERMS:
        torch.testing.assert_close(got[name], losses[name], rtol=1e-5, atol=1e-5)
    # Where it is not said to be padding it does take part.
    other = head.loss(gray, [], padded._replace(valid=None), [sample('abc'), sample('d')])
    for name in TERMS - {'loss_reading_fine', 'loss_reading_coarse', 'loss_orthogonality'}:
        assert (other[name] - losses[name]).abs() > 1e-3, name


def test_alone_it_makes_its_own_targets():
    """Labels as they are, whatever another decoder has written into the samples."""
    model = build().eval()
    gray, feat, encoding, _ = encode(model, ['ab', ''])
    samples = [sample('Ab', targets=False), sample('', targets=False)]
    samples[0].gt_text.indexes = torch.tensor([3])
    samples[0].set_metainfo(dict(have_target=True))
    own = model.glyph_head.loss(gray, feat, encoding, samples)
    assert samples[0].gt_text.indexes.tolist() == [3]
    targets = model.decoder.targets([sample('ab'), sample('')], gray.device)
    given = model.glyph_head.loss(gray, feat, encoding, samples, targets=targets)
    assert own.keys() == given.keys() and all(torch.equal(own[k], given[k]) for k in own)


def test_under_bfloat16():
    model = build()
    with torch.autocast('cpu', torch.bfloat16):
        losses = model.glyph_head.loss(*encode(model, ['abc', 'de']))
    exact = build().glyph_head.loss(*encode(build(), ['abc', 'de']))
    for name in TERMS:
        assert losses[name].dtype == torch.float32
        torch.testing.assert_close(losses[name], exact[name], rtol=0.1, atol=0.1)


def test_order_of_the_weights():
    """That of optimizer states that older runs have saved."""
    parts = dict.fromkeys(name.split('.')[0] for name, _ in build().glyph_head.named_parameters())
    assert list(parts) == ['aligner', 'segmentation', 'plain_decoder', 'glyph_readers']
