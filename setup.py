"""The one part of the metadata that cannot be static: which mmcv to ask for.

``mmcv`` and ``mmcv-lite`` install the same files, and pip has no way to ask for either of two
packages. A full mmcv in the environment is left alone; otherwise mmcv-lite, which needs no
compiler, is required. Everything else is in setup.cfg.
"""

import subprocess
import sys

from setuptools import setup

INSTALL_REQUIRES = [
    'torch>=2.0',
    'torchvision>=0.15',
    'mmengine>=0.10.4,<0.11',
    'mmdet>=3.0.0,<3.2.0',
    'mmocr>=1.0.0,<1.1',
    'numpy>=1.26,<3',
    'ijson>=3.1,<4',
    'opencv-python>=4.6,<6',
    'scipy>=1.9',
    'shapely>=2.0,<3',
    'tqdm>=4.60,<5',
    'setuptools<81',  # MMEngine imports pkg_resources
]


def has_full_mmcv() -> bool:
    """Whether the environment that is installed into has the distribution ``mmcv``.

    The build runs isolated from that environment, but with its interpreter: a new process, with the
    variables that isolate it ignored, sees it.
    """
    code = "import importlib.metadata as m; m.version('mmcv')"
    return subprocess.run([sys.executable, '-E', '-c', code], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0


mmcv = [] if has_full_mmcv() else ['mmcv-lite>=2.0.0,<2.1.0']
setup(install_requires=INSTALL_REQUIRES + mmcv)
