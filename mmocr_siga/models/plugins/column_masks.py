"""Padding masks of MMOCR's NRTR, and of SATRN's decoder, which is NRTR's, that hide columns.

MMOCR flattens a map row by row and hides the end of the sequence: of a map with several rows the
bottom ones of the word, where its padding is at the right, in every row.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmocr.models.textrecog.decoders import NRTRDecoder
from mmocr.models.textrecog.encoders import NRTREncoder
from torch import Tensor, nn

from ..layers import valid_columns


class ColumnMasks:
    """Before an encoder or decoder among the bases of a class."""

    rows = 1  # of the last map

    def forward(self, feat: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        self.rows = feat.shape[2]
        return super().forward(feat, *args, **kwargs)

    def _get_source_mask(self, src_seq: Tensor, valid_ratios: Sequence[float]) -> Tensor | None:
        ratios = [dict(valid_ratio=ratio) for ratio in valid_ratios]
        columns = valid_columns(ratios, src_seq.shape[1] // self.rows, src_seq.device)
        return None if columns is None else columns.repeat(1, self.rows)


class ColumnMaskedNRTREncoder(ColumnMasks, NRTREncoder):
    pass


class ColumnMaskedNRTRDecoder(ColumnMasks, NRTRDecoder):
    pass


def mask_columns(recognizer: nn.Module) -> None:
    """Let a recognizer with one of these hide the columns of padding; others stay as they are."""
    for plain, masked in ((NRTREncoder, ColumnMaskedNRTREncoder),
                          (NRTRDecoder, ColumnMaskedNRTRDecoder)):
        for module in recognizer.children():
            if type(module) is plain:
                module.__class__ = masked
