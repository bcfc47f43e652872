from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import RotaryAttention, attend, grid_positions, valid_columns
from ..necks import ColumnNeck
from ..pseudo_labels.functional import at_least_float32

POSITIONS = ('learned', 'rope', 'rope_learned')
# Weights of another patch size or image size, and of the classifier.
_NOT_TAKEN = ('patch_embed.', 'pos_embed', 'cls_token', 'dist_token', 'head')


def _vision_transformer() -> type:
    try:
        from timm.models.vision_transformer import VisionTransformer
        VisionTransformer.forward_intermediates  # noqa: B018
    except (ImportError, AttributeError) as error:
        raise ImportError("SIGAViT builds on timm's vision transformer, which could not be used "
                          f'({error}): install it with `pip install -U "timm>=1.0"`') from error
    return VisionTransformer


@MODELS.register_module()
class SIGAViT(BaseModule):
    """A plain vision transformer with the taps of SIGA_T and its 1-D memory; ViT-Base by default.

    The transformer is timm's, without a class token. All taps have the resolution of the patches.
    Images may have other sizes than ``img_size``, multiples of the patch; tokens do not look at
    padded columns, of which the samples tell.

    Args:
        img_size: Height H and width W of the images that a learned embedding is made for.
        patch_size: Side P of a patch.
        embed_dim: Channels D of a token.
        taps: After which blocks, from 1, tokens are taken; each tap has a normalization of its own.
        column_channels: Channels C of the columns; None for none.
        drop_path_rate: Stochastic depth of the last block.
        position: 'learned', an embedding of each token, resampled (bicubic) for other sizes;
            'rope', by which attention knows how far apart tokens are (:class:`RotaryAttention`)
            at any width; or 'rope_learned', both.
        rope_base: See :func:`~mmocr_siga.models.layers.rotary.rotary_angles`.
        scale_to: Tokens that the width of every word counts as for 'rope', however many there are;
            None: each counts 1.
        pretrained: Path or address of weights of a vision transformer of the same width, as DeiT's:
            its blocks and last normalization are taken, its patch and position embeddings are not.
    """

    reads_samples = True  # a GlyphRecognizer hands them on

    def __init__(self, img_size: Sequence[int] = (32, 128), patch_size: int = 4,
                 in_channels: int = 3, embed_dim: int = 768, depth: int = 12, num_heads: int = 12,
                 taps: Sequence[int] = (2, 4, 6, 8), column_channels: int | None = 512,
                 drop_path_rate: float = 0., pretrained: str | None = None,
                 position: str = 'learned', rope_base: float = 100.,
                 scale_to: float | None = None,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if position not in POSITIONS:
            raise ValueError(f'position must be one of {POSITIONS}, but is {position!r}')
        if any(size % patch_size for size in img_size):
            raise ValueError(f'img_size {tuple(img_size)} must be a multiple of patch_size '
                             f'{patch_size}')
        if not all(0 < tap <= depth for tap in taps):
            raise ValueError(f'taps count blocks from 1 to depth = {depth}, got {list(taps)}')
        self.size = tuple(size // patch_size for size in img_size)
        self.indices = [tap - 1 for tap in taps]
        self.pretrained = pretrained
        self.turned, self.scale_to = 'rope' in position, scale_to
        self.vit = _vision_transformer()(
            img_size=tuple(img_size), patch_size=patch_size, in_chans=in_channels, num_classes=0,
            global_pool='', class_token=False, embed_dim=embed_dim, depth=depth,
            num_heads=num_heads, qkv_bias=True, drop_path_rate=drop_path_rate,
            pos_embed='learn' if 'learned' in position else 'none')
        self.vit.patch_embed.strict_img_size = False
        for block in self.vit.blocks if self.turned else ():
            attention = RotaryAttention(embed_dim, num_heads, rope_base)
            attention.load_state_dict(block.attn.state_dict())  # as timm initialized it
            block.attn = attention
        self.norms = nn.ModuleList(nn.LayerNorm(embed_dim, eps=1e-6) for _ in taps)
        self.columns = column_channels and ColumnNeck(embed_dim, column_channels, pool=False)

    def init_weights(self) -> None:
        super().init_weights()
        if self.pretrained is None:
            return
        checkpoint = CheckpointLoader.load_checkpoint(self.pretrained, map_location='cpu')
        weights = next((checkpoint[key] for key in ('model', 'state_dict') if key in checkpoint),
                       checkpoint)
        taken = {k: v for k, v in weights.items() if not k.startswith(_NOT_TAKEN)}
        own = {k for k in self.vit.state_dict() if not k.startswith(_NOT_TAKEN)}
        if set(taken) != own:
            wrong = sorted(set(taken) ^ own)
            raise ValueError(f'{self.pretrained} is not of a vision transformer of '
                             f"{len(self.vit.blocks)} blocks in timm's layout; first differences: "
                             f'{wrong[:3]}')
        self.vit.load_state_dict(taken, strict=False)
        print_log(f'SIGAViT: {len(taken)} tensors of {self.pretrained}, without '
                  'embeddings and classifier', logger='current')

    def forward(self, x: Tensor,
                data_samples: Sequence[TextRecogDataSample] | Tensor | None = None
                ) -> tuple[Tensor, ...]:
        """Maps of images (N, 3, H, W): the taps and the last tokens, (N, D, H/P, W/P) each, and the
        columns (N, C, 1, W/P), if any. Samples, or their ``valid_ratio`` (N,), tell where it is
        padded."""
        tokens = self.vit.patch_embed(x)
        h, w = (side // patch for side, patch in zip(x.shape[2:], self.vit.patch_embed.patch_size))
        valid = valid_columns(data_samples, w, x.device)
        angles = self._angles(h, w, valid, tokens) if self.turned else None
        keys = None if valid is None else valid[:, None].expand(-1, h, -1).flatten(1)
        if self.vit.pos_embed is not None:
            tokens = tokens + resampled(self.vit.pos_embed, (h, w), self.size)
        taps = []
        for i, block in enumerate(self.vit.blocks):
            # timm's blocks take masks in its latest versions only, and no angles.
            attended = attend(block.attn, block.norm1(tokens), angles, keys)
            tokens = tokens + block.drop_path1(block.ls1(attended))
            tokens = tokens + block.drop_path2(block.ls2(block.mlp(block.norm2(tokens))))
            taps += [norm(tokens) for norm, index in zip(self.norms, self.indices) if index == i]
        maps = [tokens.transpose(1, 2).unflatten(2, (h, w))
                for tokens in (*taps, self.vit.norm(tokens))]
        return (*maps, self.columns(maps[-1], valid)) if self.columns else tuple(maps)

    def _angles(self, h: int, w: int, valid: Tensor | None, tokens: Tensor) -> Tensor:
        """(h * w, d / 2), or (N, h * w, d / 2), float32 or wider."""
        dtype = torch.promote_types(tokens.dtype, torch.float32)
        positions = grid_positions(h, w, dtype, tokens.device)
        if self.scale_to is not None:
            width = w if valid is None else valid.sum(1, keepdim=True)
            x, y = positions.unbind(-1)
            positions = torch.stack(torch.broadcast_tensors(self.scale_to / width * x, y), -1)
        return self.vit.blocks[0].attn.angles(positions)


def resampled(embedding: Tensor, size: tuple[int, int], made_for: tuple[int, int]) -> Tensor:
    """A learned embedding (1, h * w, D) for maps of another size (h', w'): (1, h' * w', D)."""
    if size == made_for:
        return embedding
    maps = at_least_float32(embedding).transpose(1, 2).unflatten(2, made_for)
    maps = F.interpolate(maps, size=size, mode='bicubic', antialias=True)
    return maps.flatten(2).transpose(1, 2).to(embedding.dtype)
