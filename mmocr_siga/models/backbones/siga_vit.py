from collections.abc import Sequence
from typing import Optional

from mmengine.logging import print_log
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor, nn

from ..necks import ColumnNeck

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

    Args:
        img_size: Height H and width W of the images.
        patch_size: Side P of a patch.
        embed_dim: Channels D of a token.
        taps: After which blocks, from 1, tokens are taken; each tap has a normalization of its own.
        column_channels: Channels C of the columns.
        drop_path_rate: Stochastic depth of the last block.
        pretrained: Path or address of weights of a vision transformer of the same width, as DeiT's:
            its blocks and last normalization are taken, its patch and position embeddings are not.
    """

    def __init__(self, img_size: Sequence[int] = (32, 128), patch_size: int = 4,
                 in_channels: int = 3, embed_dim: int = 768, depth: int = 12, num_heads: int = 12,
                 taps: Sequence[int] = (2, 4, 6, 8), column_channels: int = 512,
                 drop_path_rate: float = 0., pretrained: Optional[str] = None,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if any(size % patch_size for size in img_size):
            raise ValueError(f'img_size {tuple(img_size)} must be a multiple of patch_size '
                             f'{patch_size}')
        if not all(0 < tap <= depth for tap in taps):
            raise ValueError(f'taps count blocks from 1 to depth = {depth}, got {list(taps)}')
        self.size = tuple(size // patch_size for size in img_size)
        self.indices = [tap - 1 for tap in taps]
        self.pretrained = pretrained
        self.vit = _vision_transformer()(
            img_size=tuple(img_size), patch_size=patch_size, in_chans=in_channels, num_classes=0,
            global_pool='', class_token=False, embed_dim=embed_dim, depth=depth,
            num_heads=num_heads, qkv_bias=True, drop_path_rate=drop_path_rate)
        self.norms = nn.ModuleList(nn.LayerNorm(embed_dim, eps=1e-6) for _ in taps)
        self.columns = ColumnNeck(embed_dim, column_channels, pool=False)

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

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Maps of images (N, 3, H, W): the taps and the last tokens, (N, D, H/P, W/P) each, and the
        columns (N, C, 1, W/P)."""
        last, taps = self.vit.forward_intermediates(x, indices=self.indices, output_fmt='NLC')
        maps = [norm(tokens) for norm, tokens in zip(self.norms, taps)] + [last]
        maps = [tokens.transpose(1, 2).reshape(-1, int(tokens.shape[2]), *self.size)
                for tokens in maps]
        return (*maps, self.columns(maps[-1]))
