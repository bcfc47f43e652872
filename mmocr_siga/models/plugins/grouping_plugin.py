"""Pixels to strokes, strokes to letters, letters to the word, without letter labels.

N words, (H, W) the image, (h, w) a map of the backbone, P = h * w cells, A atoms, D channels of
their embedding, K letters. Atoms and letters are numbered from 1, 0 is none.
"""
from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import torch
from mmengine.logging import MessageHub
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import InitConfigType, OptConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import word_lengths
from ..losses.functional import modularity
from ..pseudo_labels.clustering import prototype_graph, spherical_kmeans, text_atoms
from ..pseudo_labels.functional import (
    at_least_float32,
    character_regions,
    connected_regions,
    masked_two_means,
    region_weights,
    step_mask,
)
from ..target_generators.text_masks import batch_text_masks, gray_images
from ..utils.feature_hooks import Call, recorded
from .base import ForwardPass, Plugin

_INK = 0.5  # share of a cell from which on it is ink
_LINE = 0.5  # of the height of a line: how far apart parts of a letter are
_APART = 2.0  # added to the squared distance of parts of different strokes
_PIXELS = 256  # cells of a view that are drawn to their atoms in a step
_CELL_WEIGHT = 2.0  # of the place in K-means


class Segments(NamedTuple):
    """The atoms of one view of the words."""

    cells: Tensor  # unit vectors (N, P, D)
    own: Tensor  # (N, P), the atom of each cell
    prototypes: Tensor  # unit vectors (N, A, D)
    places: Tensor  # (N, A), x along the word's ink, 0 to 1
    geometry: Tensor  # (N, A, 5): x, y, width, height, share of ink
    valid: Tensor  # bool (N, A)
    reach: Tensor  # (N, A), x in heights of the line
    stroke: Tensor  # (N, A), what is equal for connected atoms alone


@MODELS.register_module()
class GroupingPlugin(Plugin):
    """Groups ink into letters as HSG groups pixels into objects (Ke et al., CVPR 2022, arXiv
    2204.11432): by what stays together in two views of a word, and without letter boxes.

    A map of the backbone is embedded; atoms, pieces of strokes, are the mean directions of their
    pixels; a :class:`~mmocr_siga.models.layers.ClusteringTransformer` assigns them to as many
    letters as the word has, in order, and these to word ink or stray ink. What is learned from is
    in docs/guides/grouping.md. Reading does not touch the plug-in; :meth:`letters` asks it.

    Args:
        reads: Path of the module that gives the map, the finest one.
        in_channels: Its channels C.
        atoms: 'strokes', slices of connected strokes (:func:`text_atoms`), or 'kmeans', clusters of
            the embedding and the place (:func:`spherical_kmeans`).
        detach: Whether the recognizer learns nothing from it.
        lengths: Take the number of letters from the label. False: that of connected strokes, for
            words without a label.
        start: Iteration from which on pixels are drawn to their letters too.
    """

    def __init__(self, reads: str, in_channels: int, dim: int = 32, max_atoms: int = 64,
                 atoms: str = 'strokes', detach: bool = True, lengths: bool = True,
                 start: int = 500, transformer: OptConfigType = None,
                 loss_segsort: OptConfigType = None, loss_modularity: OptConfigType = None,
                 letter_weight: float = 0.1, order_weight: float = 1.0, view_weight: float = 0.5,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if atoms not in ('strokes', 'kmeans'):
            raise ValueError(f"atoms must be 'strokes' or 'kmeans', but is {atoms!r}")
        self.reads = (reads, )
        self.max_atoms = max_atoms
        self.atoms = atoms
        self.detach = detach
        self.lengths = lengths
        self.start = start
        self.letter_weight = letter_weight
        self.order_weight = order_weight
        self.view_weight = view_weight
        self.embedding = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 1, bias=False), nn.BatchNorm2d(in_channels),
            nn.ReLU(inplace=True), nn.Conv2d(in_channels, dim, 1))
        self.geometry = nn.Linear(5, dim)
        self.transformer = MODELS.build(
            dict(dict(type='ClusteringTransformer', dim=dim), **(transformer or {})))
        self.segsort = MODELS.build(dict(dict(type='SegSortLoss'), **(loss_segsort or {})))
        self.modularity = MODELS.build(
            dict(dict(type='ModularityLoss'), **(loss_modularity or {})))

    def loss(self, run: ForwardPass) -> dict[str, Tensor]:
        """Losses, and how many groups are empty and how large the largest is."""
        images = run.output('preprocessor') if run.rectified else run.inputs
        masks = (masked_two_means(run.gray()) if run.rectified else
                 batch_text_masks(run.data_samples, run.gray()))
        first = self.embed(run.output(self.reads[0]))
        atoms = self.atoms_of(masks, first)
        moved, moved_atoms = second_view(images, atoms)
        second = self.embed(self._look_again(run, moved))
        if self.lengths:
            groups = word_lengths(run.data_samples, self.transformer.queries, atoms.device)
        else:
            groups = character_regions(masks, 16, self.transformer.queries).flatten(1).amax(1)
        with torch.autocast(atoms.device.type, enabled=False):
            views = [self.segments(first, atoms), self.segments(second, moved_atoms)]
            return self._losses(views, groups.long().clamp(min=1))

    def embed(self, feature: Tensor) -> Tensor:
        """A map (N, C, h, w) -> unit vectors (N, D, h, w), at least float32."""
        return F.normalize(at_least_float32(self.embedding(
            feature.detach() if self.detach else feature)), dim=1)

    @torch.no_grad()
    def atoms_of(self, masks: Tensor, embedded: Tensor) -> Tensor:
        """Atoms (N, H, W) of text masks, bool (N, H, W)."""
        if self.atoms == 'strokes':
            return text_atoms(masks, atoms=self.max_atoms)
        size = embedded.shape[-2:]
        ink = F.adaptive_avg_pool2d(masks[:, None].float(), size).flatten(1) >= _INK
        y, x = ((torch.arange(side, device=masks.device) + 0.5) / side - 0.5 for side in size)
        grid = torch.stack(torch.meshgrid(y, x, indexing='ij')).to(embedded)
        features = torch.cat([embedded, _CELL_WEIGHT * grid.expand(len(masks), -1, -1, -1)], 1)
        columns = self.max_atoms // 2
        start = ((x + 0.5) * columns).long() * 2 + (y[:, None] > 0) + 1
        with torch.autocast(masks.device.type, enabled=False):
            labels, _ = spherical_kmeans(features.flatten(2).transpose(1, 2),
                                         start.flatten() * ink, self.max_atoms)
        wide = F.interpolate(labels.view(-1, 1, *size).float(), size=masks.shape[-2:])[:, 0]
        return wide.long() * masks

    def segments(self, embedded: Tensor, atoms: Tensor) -> Segments:
        """The atoms (N, H, W) of words whose map is embedded as (N, D, h, w)."""
        h, w = size = tuple(embedded.shape[-2:])
        cells = embedded.flatten(2).transpose(1, 2)
        pixels = region_weights(atoms, size, self.max_atoms).to(cells.dtype)
        mass = pixels.sum(2)
        area = atoms.shape[1] * atoms.shape[2] / (h * w)
        own = (pixels.argmax(1) + 1) * (pixels.sum(1) >= _INK * area)
        y, x = ((torch.arange(side, device=atoms.device, dtype=cells.dtype) + 0.5) / side
                for side in size)
        x, y = x.repeat(h), y.repeat_interleave(w)
        moments = pixels @ torch.stack([x, y, x * x, y * y], 1) / mass.clamp(min=1)[:, :, None]
        means, squares = moments.split(2, 2)
        # A bar of some length deviates by its twelfth's root.
        extents = (12 * (squares - means ** 2).clamp(min=0)).sqrt()
        ink = atoms > 0
        (left, right), (top, bottom) = (_ends(ink.any(axis)) for axis in (1, 2))
        places = (means[:, :, 0] - left) / (right - left)
        share = mass / mass.sum(1, keepdim=True).clamp(min=1)
        middle = (means[:, :, 1] - top) / (bottom - top)
        line = (bottom - top) * atoms.shape[1] / atoms.shape[2]
        return Segments(
            cells, own, F.normalize(pixels @ cells, dim=2), places,
            torch.stack([places, middle, *extents.unbind(2), share], 2), mass > 0,
            means[:, :, 0] / line, _strokes(atoms, mass.shape[1]))

    def assign(self, views: Sequence[Segments], groups: Tensor) -> dict[str, Tensor]:
        """P (N, V A, K) of each level, of the atoms of V views as one sequence."""
        tokens, places, geometry, valid = (torch.cat([getattr(view, name) for view in views], 1)
                                           for name in ('prototypes', 'places', 'geometry',
                                                        'valid'))
        return self.transformer(tokens + self.geometry(geometry), places, valid, groups)

    def _losses(self, views: Sequence[Segments], groups: Tensor) -> dict[str, Tensor]:
        levels = self.assign(views, groups)
        letters, count = levels['letter'], views[0].valid.shape[1]
        segments = torch.cat([view.prototypes for view in views], 1)
        valid = torch.cat([view.valid for view in views], 1)
        sampled = [_sampled(view) for view in views]
        pixels = torch.cat([cells for cells, _ in sampled], 1)
        own = torch.cat([own + (own > 0) * i * count for i, (_, own) in enumerate(sampled)], 1)
        names = torch.arange(1, count + 1, device=own.device).repeat(len(views)) * valid
        chosen = (letters.argmax(2) + 1) * valid
        # Of a trainer that runs, also of one that has been resumed.
        iteration = MessageHub.get_current_instance().runtime_info.get('iter', 0)
        weight = self.letter_weight if iteration >= self.start else 0.0
        # Atoms are where they are in the picture, in both views.
        graph = prototype_graph(segments, valid, _distance(views[0], len(views)))
        losses = dict(
            loss_segsort_atom=self.segsort(pixels, segments, own, names),
            loss_segsort_letter=weight * self.segsort(pixels, segments, own, chosen),
            loss_modularity=self.modularity(graph, letters, valid, groups),
            loss_order=self.order_weight * order_loss(
                letters, torch.cat([view.places for view in views], 1), valid, groups),
            loss_view=self.view_weight * view_loss(*letters.split(count, 1),
                                                   views[0].valid & views[1].valid))
        if 'word' in levels:
            # Stray ink looks different, wherever it is; one group for all is neither good nor bad.
            looks = modularity(prototype_graph(segments, valid), levels['word'])
            losses['loss_ink'] = (-looks * (valid.sum(1) > 1)).mean()
        return dict(losses, **_filling(chosen, groups, letters.shape[2]))

    def _look_again(self, run: ForwardPass, images: Tensor) -> Tensor:
        """The backbone's map of other images; its running statistics stay those of the first."""
        backbone = run.recognizer.backbone
        kept = {name: buffer.clone() for name, buffer in backbone.named_buffers()}
        extra = (run.data_samples, ) if getattr(backbone, 'reads_samples', False) else ()
        calls: dict[str, list[Call]] = {}
        with torch.no_grad() if self.detach else nullcontext():
            with recorded(run.recognizer, self.reads, calls):
                torch.func.functional_call(backbone, kept, (images, *extra))
        return calls[self.reads[0]][-1].output

    @torch.no_grad()
    def letters(self, recognizer: nn.Module, inputs: Tensor,
                data_samples: Sequence[TextRecogDataSample] | None = None,
                lengths: Tensor | None = None) -> Tensor:
        """The letter of each pixel of words, int64 (N, H, W), as the backbone sees them.

        Args:
            recognizer: The one that the plug-in was trained with, in evaluation mode.
            inputs: Normalized images (N, 3, H, W).
            lengths: (N,) letters of each word; None: the number whose groups have the greatest
                modularity, without anything read.
        """
        paths = [*self.reads, *(['preprocessor'] if recognizer.with_preprocessor else [])]
        calls: dict[str, list[Call]] = {}
        with recorded(recognizer, paths, calls):
            recognizer.extract_feat(inputs, data_samples)
        images = calls['preprocessor'][-1].output if recognizer.with_preprocessor else inputs
        gray = gray_images(images, recognizer.data_preprocessor)
        masks = batch_text_masks(None, gray) if recognizer.with_preprocessor else (
            batch_text_masks(data_samples, gray))
        embedded = self.embed(calls[self.reads[0]][-1].output)
        atoms = self.atoms_of(masks, embedded)
        view = self.segments(embedded, atoms)
        if lengths is None:
            lengths = self._best_lengths(view)
        groups = lengths.to(atoms.device).clamp(1, self.transformer.queries)
        chosen = self.assign([view], groups)['letter'].argmax(2) + 1
        return F.pad(chosen, (1, 0)).gather(1, atoms.flatten(1)).view_as(atoms)

    def _best_lengths(self, view: Segments) -> Tensor:
        graph = prototype_graph(view.prototypes, view.valid, _distance(view))
        numbers = range(1, self.transformer.queries + 1)
        groups = view.valid.new_ones(len(graph), dtype=torch.long)
        return torch.stack([
            modularity(graph, self.assign([view], count * groups)['letter'])
            for count in numbers]).argmax(0) + 1


@torch.no_grad()
def second_view(images: Tensor, atoms: Tensor) -> tuple[Tensor, Tensor]:
    """Images (N, 3, H, W) turned, sheared, scaled and shifted a little, in other colors, and their
    atoms (N, H, W), to the nearest pixel."""
    noise = 2 * torch.rand(len(images), 8, device=images.device) - 1
    grid = affine_grid(0.1 * noise[:, :6], images.shape)
    seen = F.grid_sample(images.float(), grid, padding_mode='border', align_corners=False)
    seen = seen * (1 + 0.3 * noise[:, 6, None, None, None]) + 0.3 * noise[:, 7, None, None, None]
    return seen.to(images.dtype), warp_atoms(atoms, grid)


def affine_grid(change: Tensor, shape: Sequence[int]) -> Tensor:
    """Where an affine map that differs from the identity by ``change`` (N, 6) looks, (N, H, W, 2)
    as ``grid_sample`` takes it."""
    identity = torch.eye(2, 3, device=change.device, dtype=change.dtype)
    return F.affine_grid(identity + change.view(-1, 2, 3), list(shape), align_corners=False)


def warp_atoms(atoms: Tensor, grid: Tensor) -> Tensor:
    """Atoms (N, H, W) at the nearest pixel of a grid (N, H', W', 2), 0 outside."""
    moved = F.grid_sample(atoms[:, None].to(grid.dtype), grid, mode='nearest', align_corners=False)
    return moved[:, 0].round().long()


def order_loss(assignment: Tensor, places: Tensor, valid: Tensor, groups: Tensor) -> Tensor:
    """How far groups are from following each other: the mean over neighboring groups of
    relu(x_k - x_{k + 1} + 0.3 / L), then over words.

    Args:
        assignment: (N, S, K).
        places: (N, S), x of each segment.
        valid: bool (N, S).
        groups: (N,), L.
    """
    shares = assignment * valid[:, :, None]
    x = (shares * places[:, :, None]).sum(1) / shares.sum(1).clamp(min=1e-6)
    gaps = F.relu(x[:, :-1] - x[:, 1:] + 0.3 / groups[:, None])
    counted = step_mask(groups - 1, gaps.shape[1]) & valid.any(1, keepdim=True)
    return ((gaps * counted).sum(1) / counted.sum(1).clamp(min=1)).mean()


def view_loss(first: Tensor, second: Tensor, both: Tensor) -> Tensor:
    """Cross-entropy of each view's groups of an atom against the other's; mean over the atoms that
    are in both, bool (N, A), then over words. Groups are (N, A, K)."""
    crossed = sum(-(target.detach() * guess.clamp(min=1e-8).log()).sum(2)
                  for guess, target in ((first, second), (second, first))) / 2
    return ((crossed * both).sum(1) / both.sum(1).clamp(min=1)).mean()


def _distance(view: Segments, copies: int = 1) -> Tensor:
    """How far apart atoms are, (N, V A, V A), where V copies of them are one sequence."""
    reach, stroke = (each.repeat(1, copies) for each in (view.reach, view.stroke))
    gap = (reach[:, :, None] - reach[:, None]) / _LINE
    return (gap ** 2 + _APART * (stroke[:, :, None] != stroke[:, None])).sqrt()


def _strokes(atoms: Tensor, count: int) -> Tensor:
    """The connected stroke that each of ``count`` atoms (N, H, W) is cut from, (N, A)."""
    regions = connected_regions(atoms > 0).flatten(1)
    strokes = regions.new_zeros(len(atoms), count + 1)
    return strokes.scatter_reduce(1, atoms.flatten(1), regions, 'amax')[:, 1:]


def _sampled(view: Segments) -> tuple[Tensor, Tensor]:
    """Some of the cells with ink, unit vectors (N, P', D), and their atoms (N, P')."""
    chance = torch.rand(view.own.shape, device=view.own.device) + (view.own > 0)
    index = chance.topk(min(_PIXELS, chance.shape[1]), 1).indices
    cells = view.cells.gather(1, index[:, :, None].expand(-1, -1, view.cells.shape[2]))
    return cells, view.own.gather(1, index)


def _filling(chosen: Tensor, groups: Tensor, count: int) -> dict[str, Tensor]:
    """Share of groups without an atom, and the share of atoms in the largest one; to be logged."""
    counts = chosen.new_zeros(len(chosen), count + 1)
    counts = counts.scatter_add(1, chosen, torch.ones_like(chosen))[:, 1:]
    filled = (counts > 0).sum(1)
    largest = counts.amax(1) / counts.sum(1).clamp(min=1)
    return dict(empty_groups=(1 - filled / groups).mean(), largest_group=largest.mean())


def _ends(there: Tensor) -> tuple[Tensor, Tensor]:
    """Where what is there, bool (N, L), begins and ends, as shares (N, 1) of the whole."""
    position = torch.arange(there.shape[1], device=there.device)
    first = torch.where(there, position, there.shape[1]).amin(1, keepdim=True)
    last = torch.where(there, position + 1, 0).amax(1, keepdim=True)
    some = first < last
    return (first * some / there.shape[1],
            torch.where(some, last, there.shape[1]) / there.shape[1])
