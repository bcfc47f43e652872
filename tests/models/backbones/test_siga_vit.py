import sys

import pytest
import torch
from mmocr.registry import MODELS

SMALL = dict(type='SIGAViT', img_size=(32, 16), embed_dim=8, depth=4, num_heads=2, taps=(1, 2, 3),
             column_channels=6)


def build(**changes):
    pytest.importorskip('timm', reason='SIGAViT needs timm')
    torch.manual_seed(0)
    return MODELS.build({**SMALL, **changes}).eval()


def test_taps_are_normalized_tokens_after_their_blocks():
    model, image = build(), torch.rand(2, 3, 32, 16)
    with torch.no_grad():
        *taps, last, columns = model(image)
        vit = model.vit
        tokens = vit.patch_embed(image) + vit.pos_embed
        for i, block in enumerate(vit.blocks):
            tokens = block(tokens)
            if i < 3:
                want = model.norms[i](tokens).transpose(1, 2).reshape(2, 8, 8, 4)
                torch.testing.assert_close(taps[i], want)
        torch.testing.assert_close(last.flatten(2).transpose(1, 2), vit.norm(tokens))
    assert columns.shape == (2, 6, 1, 4)


def test_the_default_is_vit_base():
    pytest.importorskip('timm', reason='SIGAViT needs timm')
    model = MODELS.build(dict(type='SIGAViT'))
    assert (len(model.vit.blocks), model.vit.embed_dim, model.size) == (12, 768, (8, 32))
    assert model.vit.blocks[0].attn.num_heads == 12 and model.indices == [1, 3, 5, 7]
    assert model.vit.blocks[0].attn.qkv.bias is not None


def test_blocks_of_another_checkpoint_without_its_embeddings(tmp_path):
    other = build(img_size=(64, 64))
    weights = {k: v + 1 for k, v in other.vit.state_dict().items()}
    weights.update({'cls_token': torch.rand(1, 1, 8), 'head.weight': torch.rand(9, 8)})
    torch.save(dict(model=weights), tmp_path / 'deit.pth')
    model = build(pretrained=str(tmp_path / 'deit.pth'))
    model.init_weights()
    assert torch.equal(model.vit.blocks[3].mlp.fc2.weight, weights['blocks.3.mlp.fc2.weight'])
    assert torch.equal(model.vit.norm.weight, weights['norm.weight'])
    patches = model.vit.patch_embed.proj
    assert not torch.equal(patches.weight, weights['patch_embed.proj.weight'])
    assert model.vit.pos_embed.abs().max() < 0.5 < weights['pos_embed'].mean()
    deeper = build(depth=5, pretrained=str(tmp_path / 'deit.pth'))
    with pytest.raises(ValueError, match=r"of 5 blocks.*blocks\.4\.attn"):
        deeper.init_weights()


@pytest.mark.parametrize('changes,message', [
    (dict(taps=(0, 2)), 'from 1 to depth = 4'),
    (dict(img_size=(32, 18)), 'multiple of patch_size'),
])
def test_bad_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        build(**changes)


def test_without_timm_it_says_what_to_install(monkeypatch):
    for name in list(sys.modules):
        if name.split('.')[0] == 'timm':
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'timm', None)
    with pytest.raises(ImportError, match='pip install -U "timm>=1.0"'):
        MODELS.build(dict(SMALL))
