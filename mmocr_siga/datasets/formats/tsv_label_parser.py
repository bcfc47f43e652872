"""Annotation lines of tab-separated tables."""
from __future__ import annotations

from mmocr.registry import TASK_UTILS


@TASK_UTILS.register_module()
class TSVLabelParser:
    r"""Parse a line ``path TAB transcription`` into a dict.

    The transcription is taken literally: quotes, backslashes and blanks, at its ends too, belong
    to it. Further columns are ignored. A byte order mark before the path and the line end, LF or
    CRLF, are removed. MMOCR's ``LineStrParser(separator='\t')`` instead strips blanks at the ends,
    keeps the byte order mark and warns at every transcription of several words.
    """

    # By which RecogTextDataset takes the values.
    keys = ('filename', 'text')

    def __call__(self, in_str: str) -> dict:
        """The path and the transcription, which may be empty, or a ValueError that shows the line.
        """
        path, tab, rest = in_str.lstrip('\ufeff').rstrip('\r\n').partition('\t')
        if not tab or not path.strip():
            raise ValueError("expected 'path<tab>transcription', but the line is "
                             f'{in_str[:200]!r}')
        return dict(zip(self.keys, (path.strip(), rest.partition('\t')[0])))
