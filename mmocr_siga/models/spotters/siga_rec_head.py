"""Reading R rectified regions: the detector's features (R, C, h, w), the normalized pictures of the
regions (R, 3, H, W) and these in gray (R, H, W) in [0, 255], as far as they are needed."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from mmengine.structures import InstanceData, LabelData
from mmocr.registry import MODELS
from mmocr.structures import TextRecogDataSample
from mmocr.utils.typing_utils import ConfigType, InitConfigType, OptConfigType
from torch import Tensor, nn
from torch.nn import functional as F

from ...geometry.character_boxes import character_boxes
from ...text.label_rule import LabelRule
from ..layers import selected
from ..layers.targets import to_device
from ..utils.weights import TRAINING_ONLY, load_weights

READS = ('shared', 'picture')


@MODELS.register_module()
class SIGARecHead(BaseModule):
    """SIGA or SIGA-P as the recognition head of a text spotter.

    With ``reads='shared'`` the backbone is given the detector's features. With ``reads='picture'``
    it is given the picture's regions, where the strokes of small words are still to be seen, and
    the detector's features are added to each of its maps by a projection that starts at zero.

    It also serves alone in any RoI head that calls ``loss(features, data_samples)`` and
    ``predict(features, data_samples)``, as that of MMOCR's ABCNet project does.

    Args:
        encoder, decoder: For example ``SIGAEncoder``, and ``SIGADecoder`` or
            ``SIGAParallelDecoder``.
        backbone: Gives the encoder's maps: ``RegionPyramid``, or, with ``reads='picture'``, the
            backbone of a recognizer.
        glyph_head: For training only, and only where the regions' gray pictures are known.
        shared_channels: With ``reads='picture'``, channels of the features that are added.
        weights: Path or address of weights of a ``GlyphRecognizer`` with the same parts and the
            same dictionary to start from.
    """

    def __init__(self, encoder: ConfigType, decoder: ConfigType, backbone: ConfigType,
                 glyph_head: OptConfigType = None, reads: str = 'shared', shared_channels: int = 0,
                 weights: str | None = None, init_cfg: InitConfigType = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if reads not in READS:
            raise ValueError(f'reads must be one of {READS}, but is {reads!r}')
        if shared_channels and reads == 'shared':
            raise ValueError("shared_channels is for reads='picture'; the backbone reads the "
                             'features themselves')
        self.backbone = MODELS.build(backbone)
        self.encoder = MODELS.build(encoder)
        self.decoder = MODELS.build(decoder)
        self.glyph_head = None if glyph_head is None else MODELS.build(glyph_head)
        self.reads_picture = reads == 'picture'
        self.shared = None
        if shared_channels:
            self.shared = nn.ModuleList(
                nn.Conv2d(shared_channels, c, 1, bias=False) for c in self.encoder.in_channels)
            for projection in self.shared:
                nn.init.zeros_(projection.weight)
        self.rule = LabelRule(self.decoder.dictionary, self.decoder.max_seq_len)
        self.weights = weights

    def init_weights(self) -> None:
        super().init_weights()
        if self.weights:
            load_weights(self, self.weights, (*TRAINING_ONLY, 'shared.'))

    def label(self, text: str) -> str | None:
        """What is to be read of a word: in the dictionary's letter case, without characters that
        it does not have; None if nothing is left or it is too long."""
        verdict = self.rule(text)
        return verdict.label if verdict.reason is None else None

    def forward(self, features: Tensor | None, picture: Tensor | None = None) -> tuple:
        if self.reads_picture and picture is None:
            raise ValueError("the head reads the picture's regions, but got none: use "
                             "reads='shared' in a RoI head that has only features")
        if features is None and (self.shared is not None or not self.reads_picture):
            raise ValueError("the head reads the detector's features, but got none")
        maps = tuple(self.backbone(picture if self.reads_picture else features))
        if self.shared is not None:
            maps = tuple(m + projection(F.adaptive_avg_pool2d(features, m.shape[-2:]))
                         for m, projection in zip(maps, self.shared))
        return maps, self.encoder(maps)

    def loss(self, features: Tensor | None,
             data_samples: Sequence[TextRecogDataSample | InstanceData],
             picture: Tensor | None = None, gray: Tensor | None = None,
             backgrounds: int = 0) -> dict[str, Tensor]:
        """Losses of the decoder and of the glyph head; :meth:`no_loss` for one without words.

        ``data_samples`` have ``gt_text``, or are instances with ``texts``. Words that cannot be
        learned are left out, see :meth:`label`. ``backgrounds`` regions at the end say nothing and
        have no samples: the decoder is to end there at once, and the glyph head does not see them.
        """
        if self.glyph_head is not None and gray is None:
            raise ValueError("the glyph head makes text masks of the regions' gray pictures, which "
                             'this RoI head does not hand on: use SIGARoIHead, or glyph_head=None')
        texts = _texts(data_samples)
        regions = next(len(t) for t in (features, picture) if t is not None)
        if backgrounds < 0 or len(texts) + backgrounds != regions:
            raise ValueError(f'got {regions} regions and {len(texts)} texts, '
                             f'{backgrounds} backgrounds')
        labels = [self.label(text) for text in texts] + [''] * backgrounds
        rows = [i for i, label in enumerate(labels) if label is not None]
        if not rows:
            return self.no_loss()
        if len(rows) < regions:
            features, picture, gray = (
                t if t is None else t[to_device(torch.tensor(rows), t.device)]
                for t in (features, picture, gray))
        samples = self.samples([labels[i] for i in rows])
        maps, encoding = self(features, picture)
        outputs = self.decoder.forward_train(maps, encoding, samples)
        losses = self.decoder.losses(outputs, samples)
        words = len(rows) - backgrounds
        if words == 0:
            losses.update(self.no_loss())
        elif self.glyph_head is not None:
            *seen, attention = selected((gray, maps, encoding, outputs.attention), slice(words))
            losses.update(self.glyph_head.loss(*seen, samples[:words], attention=attention))
        return losses

    @staticmethod
    def samples(texts: Sequence[str]) -> list[TextRecogDataSample]:
        return [TextRecogDataSample(gt_text=LabelData(item=text)) for text in texts]

    def no_loss(self) -> dict[str, Tensor]:
        """Zero, with a gradient of zero for every weight, as data parallel training wants it."""
        total = sum(p.sum() for p in self.parameters() if p.requires_grad)
        return dict(loss_nothing_to_read=0 * total)

    def predict(self, features: Tensor | None,
                data_samples: Sequence[TextRecogDataSample] | None = None,
                picture: Tensor | None = None,
                char_boxes: bool = False) -> list[TextRecogDataSample]:
        """Read: ``pred_text`` with its ``item`` and the ``score`` of each character, in the given
        samples or new ones.

        With ``char_boxes`` it has these, too, out of the glyph maps: float64 (L, 4), left, top,
        right and bottom as shares of the region.
        """
        regions = next(len(t) for t in (features, picture) if t is not None)
        if data_samples is None:
            data_samples = [TextRecogDataSample() for _ in range(regions)]
        if regions == 0:
            return []
        maps, encoding = self(features, picture)
        data_samples = self.decoder.predict(maps, encoding, data_samples)
        if char_boxes:
            shares = {scale: logits.float().softmax(1).cpu().numpy()
                      for scale, logits in encoding.glyph_maps.items()}
            if not shares:
                raise ValueError('characters are found by glyph maps, which this encoder does not '
                                 'make')
            for i, text in enumerate(sample.pred_text for sample in data_samples):
                length = len(text.score)
                text.char_boxes = character_boxes(
                    {scale: maps[i, 1:length + 1] for scale, maps in shares.items()})
        return data_samples


def _texts(data_samples: Sequence[TextRecogDataSample | InstanceData]) -> list[str]:
    if any(isinstance(sample, InstanceData) and 'texts' not in sample for sample in data_samples):
        raise ValueError('the instances have no texts: let the pipeline load them '
                         '(LoadOCRAnnotations with_text=True)')
    return [text for sample in data_samples
            for text in (sample.texts if isinstance(sample, InstanceData) else
                         [sample.gt_text.item])]
