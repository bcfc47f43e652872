from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModel
from mmengine.structures import PixelData
from mmocr.registry import MODELS
from mmocr.structures import TextDetDataSample
from mmocr.utils.typing_utils import ConfigType, InitConfigType, OptConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers.targets import to_device

FUSIONS = ('level', 'residual')
IGNORED = 255  # in the map of the label


@MODELS.register_module()
class ODMPretrainer(BaseModel):
    """Pre-training of a detector's backbone: draw the words asked for, without their style (ODM,
    Duan et al., CVPR 2024, arXiv 2403.00303).

    ``backbone``, and ``neck`` where it is that of the detector, go on by
    ``WarmStartHook(parts=...)``; all else is for this training alone. N pictures (H, W), n words of
    a prompt, E channels of their vectors.

    Args:
        backbone: Gives maps of a quarter of the pictures' size and less, finest first.
        text_encoder: ``WordTextEncoder``.
        decoder: ``TextImageDecoder``.
        head: ``DestylisationHead``; reads the maps, or the one that the neck makes of them.
        neck: For example MMOCR's ``FPNC``.
        fusion: ``'level'``, the map that has seen the words is one more map, as in the reference;
            ``'residual'``, it is projected, from zero, and added to the last one, for a neck.
        loss_ink, loss_glyph, loss_contrast: The three losses, whose weights are their own (1, 1 and
            0.5 in ODM); None leaves one of the last two out.
    """

    def __init__(self, backbone: ConfigType, text_encoder: ConfigType, decoder: ConfigType,
                 head: ConfigType, neck: OptConfigType = None, fusion: str = 'level',
                 loss_ink: ConfigType = dict(type='PlainInkLoss'),  # noqa: B006
                 loss_glyph: OptConfigType = dict(type='GlyphPerceptualLoss'),  # noqa: B006
                 loss_contrast: OptConfigType = dict(  # noqa: B006
                     type='TextImageContrastiveLoss'),
                 data_preprocessor: OptConfigType = None,
                 init_cfg: InitConfigType = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if fusion not in FUSIONS or (neck is not None and fusion == 'level'):
            raise ValueError(f"fusion must be one of {FUSIONS}, and 'residual' with a neck, which "
                             f'takes the maps of the backbone alone; got {fusion!r}')
        self.backbone = MODELS.build(backbone)
        self.neck = None if neck is None else MODELS.build(neck)
        self.text_encoder = MODELS.build(text_encoder)
        self.decoder = MODELS.build(decoder)
        self.head = MODELS.build(head)
        self.fuse = None
        if fusion == 'residual':
            project = self.decoder.project
            self.fuse = nn.Conv2d(project.out_features, project.in_features, 1, bias=False)
            nn.init.zeros_(self.fuse.weight)
        self.loss_ink = MODELS.build(loss_ink)
        self.loss_glyph = None if loss_glyph is None else MODELS.build(loss_glyph)
        self.loss_contrast = None if loss_contrast is None else MODELS.build(loss_contrast)

    def forward(self, inputs: Tensor, data_samples: Sequence[TextDetDataSample] | None = None,
                mode: str = 'tensor') -> dict[str, Tensor] | Sequence[TextDetDataSample] | Tensor:
        """Normalized pictures (N, 3, H, W), sides multiples of 32, with their prompts.

        ``'loss'``: see :meth:`loss`; ``'predict'``: samples with ``pred_plain``, whose ``ink``,
        float32 (1, H, W), is the probability of ink; ``'tensor'``: logits (N, 1, H, W).
        """
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode not in ('predict', 'tensor'):
            raise ValueError(f"mode must be 'loss', 'predict' or 'tensor', but is {mode!r}")
        logits = self.draw(inputs, _prompts(data_samples, len(inputs)))[0]
        if mode == 'tensor':
            return logits
        for sample, probability in zip(data_samples, logits.float().sigmoid()):
            height, width = sample.get('img_shape', probability.shape[1:])[:2]
            sample.pred_plain = PixelData(ink=probability[:, :height, :width])
        return data_samples

    def draw(self, inputs: Tensor, prompts: Sequence[Sequence[str]]
             ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits (N, 1, H, W) of pictures, the vectors (N, E) of these and (N, n, E) of the words,
        and which words are there, bool (N, n)."""
        tokens = to_device(self.text_encoder.tokens(prompts), inputs.device)
        words, present = self.text_encoder(tokens)
        maps = tuple(self.backbone(inputs))
        picture, seen = self.decoder(maps[-1], words, present)
        if self.fuse is None:
            maps = (*maps, seen)
        else:
            maps = (*maps[:-1], maps[-1] + self.fuse(seen))
        joined = maps if self.neck is None else self.neck(maps)
        return self.head(joined, tuple(inputs.shape[2:])), picture, words, present

    def loss(self, inputs: Tensor, data_samples: Sequence[TextDetDataSample]) -> dict[str, Tensor]:
        """Losses of pictures (N, 3, H, W) whose samples ``PackODMInputs`` has packed.

        For the log there are ``ink_share``, the share of ink in the labels, ``prompt_words``,
        ``prompt_decoys`` and ``words_left_out``, which cannot be asked for or drawn, a picture, and
        ``glyph_regions``, the words that ``loss_glyph`` looks at.
        """
        logits, picture, words, present = self.draw(inputs, _prompts(data_samples, len(inputs)))
        ink, seg = _labels(data_samples, tuple(inputs.shape[2:]))
        ignored = seg == IGNORED
        losses = dict(loss_ink=self.loss_ink(logits, seg == 1, ignored))
        numbers = dict(
            prompt_words=sum(len(s.prompt.texts) for s in data_samples) / len(inputs),
            prompt_decoys=sum(sum(s.prompt.decoys) for s in data_samples) / len(inputs),
            words_left_out=sum(s.get('words_left_out', 0) for s in data_samples) / len(inputs))
        if self.loss_glyph is not None:
            borders, index = self._regions(data_samples)
            losses['loss_glyph'] = self.loss_glyph(logits, ink, ignored, borders, index)
            numbers['glyph_regions'] = len(index)
        if self.loss_contrast is not None:
            decoys = torch.zeros(present.shape, dtype=torch.bool)
            for flags, sample in zip(decoys, data_samples):
                flags[:len(sample.prompt.decoys)] = torch.tensor(sample.prompt.decoys).bool()
            real = present & ~to_device(decoys, present.device)
            text = (words * real[..., None]).sum(1) / real.sum(1, keepdim=True).clamp(min=1)
            losses['loss_contrast'] = self.loss_contrast(picture, text, real.any(1))
        losses['ink_share'] = (seg == 1).float().mean()
        return dict(losses, **{name: torch.tensor(float(n)) for name, n in numbers.items()})

    def _regions(self, data_samples: Sequence[TextDetDataSample]) -> tuple[Tensor, Tensor]:
        """Borders (R, 2, K, 2) of the words, all pictures taking turns, and the picture of
        each (R,)."""
        borders = [sample.drawn.borders for sample in data_samples]
        counts = [len(each) for each in borders]
        turns = sorted((turn, n) for n, count in enumerate(counts) for turn in range(count))
        starts = [sum(counts[:n]) for n in range(len(counts))]
        rows = torch.tensor([starts[n] + turn for turn, n in turns], dtype=torch.long)
        index = torch.tensor([n for _, n in turns], dtype=torch.long)
        device = borders[0].device
        return torch.cat(borders)[to_device(rows, device)], to_device(index, device)


def _prompts(data_samples: Sequence[TextDetDataSample] | None, count: int) -> list[list[str]]:
    if data_samples is None:
        return [[]] * count
    if not all('prompt' in sample for sample in data_samples):
        raise ValueError('the samples have no prompt: let the pipeline end in TextPrompt, '
                         'DestyledLabel and PackODMInputs')
    return [sample.prompt.texts for sample in data_samples]


def _labels(data_samples: Sequence[TextDetDataSample],
            size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Ink and map of the labels, uint8 (N, 1, H, W); what pads the pictures is ignored."""
    def padded(name: str, value: int) -> Tensor:
        maps = [sample.gt_plain.get(name) for sample in data_samples]
        return torch.stack([
            F.pad(m, (0, size[1] - m.shape[2], 0, size[0] - m.shape[1]), value=value)
            if tuple(m.shape[1:]) != size else m for m in maps])
    return padded('ink', 0), padded('seg', IGNORED)
