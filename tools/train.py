"""MMOCR's tool of the same name, after this package was imported.

``mim train mmocr_siga`` and ``mim test mmocr_siga`` run this and find configs of this package by
name; the bases of a config may be of this package, ``_base_ = 'mmocr_siga::siga_r31.py'``.
"""
import runpy
from pathlib import Path

import mmocr_siga  # noqa: F401  (first: it repairs what MMOCR's imports need)

import mmocr  # isort: skip

if __name__ == '__main__':
    package = Path(mmocr.__file__).parent
    tool = Path('tools', Path(__file__).name)
    runpy.run_path(str(next(path for path in (package / '.mim' / tool, package.parent / tool)
                            if path.is_file())), run_name='__main__')
