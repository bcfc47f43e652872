"""What a renderer of words returns."""
from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from ..images.regions import region_boxes


@dataclass
class RenderedWord:
    """A rendered word of L characters.

    ``glyphs`` is 0 for background and k on the ink of the k-th character, counted from 1; where
    characters overlap the later one counts.
    """
    image: np.ndarray  # BGR, uint8 (H, W, 3)
    text: str
    glyphs: np.ndarray  # uint8 (H, W)
    font: str  # path of the face

    @property
    def boxes(self) -> np.ndarray:
        """Boxes around what is to be seen of the characters, int32 (L, 4): x, y, width, height in
        pixels; zeros for one without ink."""
        return region_boxes(self.glyphs, len(self.text))


@dataclass
class RenderedGroup:
    """Words in one style, and their background; all pictures are of one size and lie on each other.

    Face, spacing, warp, board, paint, light and camera are the same: away from the ink, and from
    where blur and compression carry it, pictures are equal bit for bit.
    """
    images: list[np.ndarray]  # BGR, uint8 (H, W, 3) each
    texts: list[str]
    glyphs: list[np.ndarray]  # uint8 (H, W) each, as those of a RenderedWord
    background: np.ndarray  # BGR, uint8 (H, W, 3): the same without text
    face: str  # path
    style_id: int  # that no other key has
    layout: str  # 'fit': all as wide as the first one, or 'natural'

    def word(self, index: int) -> RenderedWord:
        """A member by itself: cut out with the margins that the group has around all of its ink."""
        around = cv2.boundingRect(np.maximum.reduce(self.glyphs))
        x, y, w, h = cv2.boundingRect(self.glyphs[index])
        if not w:  # nothing is to be seen of it
            x, y, w, h = around
        height, width = self.background.shape[:2]
        rows = slice(max(y - around[1], 0), y + h + height - around[1] - around[3])
        columns = slice(max(x - around[0], 0), x + w + width - around[0] - around[2])
        return RenderedWord(np.ascontiguousarray(self.images[index][rows, columns]),
                            self.texts[index],
                            np.ascontiguousarray(self.glyphs[index][rows, columns]), self.face)
