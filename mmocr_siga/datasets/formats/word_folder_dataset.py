"""All pictures of a folder as words without labels."""
from __future__ import annotations

import logging
import os

from mmengine.dataset import BaseDataset
from mmengine.logging import print_log
from mmocr.registry import DATASETS

from ...images import walk_pictures


@DATASETS.register_module()
class WordFolderDataset(BaseDataset):
    """Word images in a folder and its subfolders, by their names, without labels.

    What is not named like a picture is left out, and its number logged with an example. Wrap it in
    ``CheckedTextDataset(unlabeled=True)``, which passes over pictures that cannot be read.

    Args:
        ann_file: The folder, below ``data_root`` or that itself.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If no picture is in it.
    """

    def load_data_list(self) -> list[dict]:
        folder = os.path.expanduser(self.ann_file or self.data_root)
        if not os.path.isdir(folder):
            raise FileNotFoundError(f'there is no folder of words at {folder!r}')
        found, left_out = [], []
        for path, problem in walk_pictures(folder):
            if problem:
                left_out.append(f'{path} {problem}')
            else:
                found.append(dict(img_path=path, instances=[]))
        if left_out:
            print_log(f'{type(self).__name__}({folder}): {len(left_out):,} files are left '
                      f'out, e.g. {left_out[0]}', logger='current', level=logging.WARNING)
        if not found:
            raise ValueError(f'{folder} holds no pictures')
        return found
