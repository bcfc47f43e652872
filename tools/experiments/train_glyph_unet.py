"""Train GlyphUNet, by whose features ODM's perceptual loss may judge drawings.

    python tools/experiments/train_glyph_unet.py work_dirs/glyph_unet.pth --steps 3000

Words of rendered scenes, straightened to 64 x 256, are its pictures; to be found are their plain
ink and, as by CRAFT, how near the middle of a character is. It serves as

    model.loss_glyph.network=dict(type='GlyphUNet', init_cfg=dict(
        type='Pretrained', checkpoint='work_dirs/glyph_unet.pth')), model.loss_glyph.size=(64, 256)

beside mean=127.5 and std=127.5, the default there.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.registry import init_default_scope
from mmocr.registry import MODELS
from torch.nn import functional as F

import mmocr_siga  # noqa: F401  (registers the parts)
from mmocr_siga.cli import run_tool
from mmocr_siga.cli.common import positive
from mmocr_siga.geometry.grids import border_grid, sample_regions
from mmocr_siga.geometry.polygons import border_points
from mmocr_siga.rendering import SceneRenderer, build_renderer
from mmocr_siga.rendering.plain import plain_borders, plain_face, plain_word

SIZE = (64, 256)
SPREAD = 0.18  # standard deviation of a character's middle, as a share of the height
POINTS = 8


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    add = parser.add_argument
    add('out', type=Path, help='new file of weights')
    add('--steps', type=positive, default=3000, help='default: %(default)s')
    add('--batch-size', type=positive, default=16, help='words a step (default: %(default)s)')
    add('--lr', type=float, default=1e-3, help='highest learning rate (default: %(default)s)')
    add('--backgrounds', type=Path, help='folder of photographs')
    add('--seed', type=int, default=0)
    return parser.parse_args(argv)


def words(seed: int,
          backgrounds: Path | None = None) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Straightened words, float32 (3, 64, 256), RGB within [-1, 1], and what is to be found,
    (2, 64, 256) within [0, 1], without end."""
    renderer, _ = build_renderer(backgrounds=backgrounds, seed=seed)
    scenes, face, number = SceneRenderer(renderer, (512, 512)), plain_face(), 0
    while True:
        scene = scenes(number)
        number += 1
        picture = torch.from_numpy(scene.image[..., ::-1].copy()).permute(2, 0, 1)[None]
        for polygon, text in zip(scene.polygons, scene.texts):
            borders = plain_borders(polygon, text, face)
            if borders is not None:
                points = torch.from_numpy(border_points(*borders, POINTS)).float()
                grid = border_grid(points.view(1, 2, POINTS, 2), SIZE)
                crop = sample_regions(picture.float(), grid, torch.zeros(1, dtype=torch.long))
                yield crop[0] / 127.5 - 1, target(text, face)


def target(text: str, face) -> torch.Tensor:
    """Plain ink, and a Gaussian at the middle of each character: (2, 64, 256)."""
    ink, middles = plain_word(text, face, SIZE)
    y, x = np.mgrid[:SIZE[0], :SIZE[1]] + 0.5
    near = np.zeros(SIZE)
    for at_x, at_y in middles[~np.isnan(middles[:, 0])]:
        distance = (x - at_x) ** 2 + (y - at_y) ** 2
        np.maximum(near, np.exp(-distance / (2 * (SPREAD * SIZE[0]) ** 2)), out=near)
    return torch.from_numpy(np.stack([ink / 255, near])).float()


def main(argv: Sequence[str] | None = None) -> int:
    args = parse_args(argv)
    if args.out.exists():
        raise FileExistsError(f'{args.out} exists; remove it or choose another name')
    init_default_scope('mmocr')
    torch.manual_seed(args.seed)
    model = MODELS.build(dict(type='GlyphUNet')).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, args.steps + 1)
    source = words(args.seed, args.backgrounds)
    for step in range(1, args.steps + 1):
        pictures, wanted = map(torch.stack, zip(*(next(source) for _ in range(args.batch_size))))
        loss = F.binary_cross_entropy_with_logits(model.draw(model(pictures)), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == args.steps:
            print(f'{step}/{args.steps} loss {float(loss):.4f}', flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dict(state_dict=model.state_dict()), args.out)
    return 0


if __name__ == '__main__':
    run_tool(main)
