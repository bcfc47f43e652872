"""What setup.cfg cannot say: which mmcv to ask for, and what of the clone goes into the wheel.

``mmcv`` and ``mmcv-lite`` install the same files, and pip has no way to ask for either of two
packages. A full mmcv in the environment is left alone; otherwise mmcv-lite, which needs no
compiler, is required.

``mim`` and MMEngine look for configs, their index and tools in ``.mim`` of an installed package. An
installation in place (``pip install -e``) has none: there they are beside the package.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

INSTALL_REQUIRES = [
    'torch>=2.0',
    'torchvision>=0.15',
    'mmengine>=0.10.4,<0.11',
    'mmdet>=3.0.0,<3.2.0',
    'mmocr>=1.0.0,<1.1',
    'openmim>=0.3.7,<0.3.8',  # the next one pins setuptools and others to old versions
    'numpy>=1.26,<3',
    'onnxruntime>=1.19',  # the first for NumPy 2, the last for Python 3.9
    'packaging>=21',
    'pillow>=9.4',
    'ijson>=3.1,<4',
    'opencv-python>=4.6,<6',
    'scipy>=1.9',
    'shapely>=2.0,<3',
    'tabulate>=0.9,<1',
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


class BuildWithConfigs(build_py):
    """Adds ``.mim`` to the package that is built."""

    def run(self) -> None:
        super().run()
        if getattr(self, 'editable_mode', False):
            return
        here, target = Path(__file__).parent, Path(self.build_lib, 'mmocr_siga', '.mim')
        shutil.rmtree(target, ignore_errors=True)
        for folder in ('configs', 'projects'):
            shutil.copytree(here / folder, target / folder,
                            ignore=shutil.ignore_patterns('__pycache__'))
        shutil.copy(here / 'model-index.yml', target)
        (target / 'tools').mkdir()
        for name in ('train.py', 'test.py'):
            shutil.copy(here / 'tools' / 'train.py', target / 'tools' / name)


mmcv = [] if has_full_mmcv() else ['mmcv-lite>=2.0.0,<2.1.0']
setup(install_requires=INSTALL_REQUIRES + mmcv, cmdclass=dict(build_py=BuildWithConfigs))
