from collections.abc import Sequence
from functools import reduce

from mmocr.models.textrecog.encoders import SVTREncoder
from mmocr.registry import MODELS
from mmocr.utils.typing_utils import InitConfigType
from torch import Tensor


@MODELS.register_module()
class SIGASVTR(SVTREncoder):
    """MMOCR's SVTR as a backbone with the taps of SIGA_S; SVTR-Large by default.

    Args:
        img_size: Height H and width W of the images, multiples of 16 and 4.
        embed_dims: Channels D1, D2, D3 of the stages, which have ``depth`` blocks.
        local_blocks: Blocks, from the first, that attend in windows of 7 x 11, and not globally.
        out_channels: Channels D of the columns.
        drop_path_rate: Stochastic depth of the last block.
    """

    def __init__(self, img_size: Sequence[int] = (48, 160), in_channels: int = 3,
                 embed_dims: Sequence[int] = (192, 256, 512), depth: Sequence[int] = (3, 9, 9),
                 num_heads: Sequence[int] = (6, 8, 16), local_blocks: int = 10,
                 out_channels: int = 384, drop_path_rate: float = 0.1,
                 init_cfg: InitConfigType = None) -> None:
        if img_size[0] % 16 or img_size[1] % 4:
            raise ValueError('SVTR halves the height four times and the width twice: img_size '
                             f'{tuple(img_size)} must be multiples of 16 and 4')
        super().__init__(
            img_size=list(img_size), in_channels=in_channels, embed_dims=list(embed_dims),
            depth=list(depth), num_heads=list(num_heads),
            mixer_types=['Local'] * local_blocks + ['Global'] * (sum(depth) - local_blocks),
            window_size=[[7, 11]] * 3, drop_path_rate=drop_path_rate, out_channels=out_channels,
            max_seq_len=img_size[1] // 4, prenorm=False, init_cfg=init_cfg)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Four maps of images (N, 3, H, W): (N, D1/2, H/2, W/2) after the first convolution of the
        patch embedding, (N, D1, H/4, W/4) and (N, D2, H/8, W/4) after the first two stages, and the
        columns (N, D, 1, W/4)."""
        if x.shape[-2:] != tuple(self.img_size):
            raise ValueError(f'this SVTR reads images of {tuple(self.img_size)}, got '
                             f'{tuple(x.shape[-2:])}: resize to its img_size')
        height, width = self.input_shape
        stem = self.patch_embed.net[0](x)
        tokens = self.patch_embed.net[1](stem).flatten(2).transpose(1, 2)
        tokens = self.pos_drop(tokens + self.absolute_pos_embed)
        fine = _as_map(_run(self.blocks1, tokens), height, width)
        coarse = _as_map(_run(self.blocks2, self.downsample1(fine)), height // 2, width)
        last = self.layer_norm(_run(self.blocks3, self.downsample2(coarse)))
        # ``avgpool`` keeps the width and leaves one row; exporters know means better.
        rows = _as_map(last, height // 4, width)
        columns = self.last_conv(rows.mean(2, keepdim=True))
        return stem, fine, coarse, self.dropout(self.hardwish(columns))


def _run(blocks: Sequence, tokens: Tensor) -> Tensor:
    return reduce(lambda x, block: block(x), blocks, tokens)


def _as_map(tokens: Tensor, height: int, width: int) -> Tensor:
    """(N, h * w, D) -> (N, D, h, w)."""
    return tokens.transpose(1, 2).reshape(-1, int(tokens.shape[2]), height, width)
