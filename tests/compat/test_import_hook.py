"""Importing the package imports no other, and changes what it must as soon as that is imported."""
import os
import subprocess
import sys

import pytest

from mmocr_siga.compat.patches import PATCHES
from tests.conftest import REPO


def run(code, *paths, check=True):
    """Standard output of code in a new interpreter; or how it ended."""
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([*map(str, paths), str(REPO)])}
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', code], env=env, text=True,
                          capture_output=True, check=False, timeout=300)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.splitlines() if check else done


def test_the_package_imports_nothing_but_the_standard_library():
    foreign = run('import sys; before = set(sys.modules)\nimport mmocr_siga.cli\n'
                  'print({name.split(".")[0] for name in set(sys.modules) - before}'
                  ' - set(sys.stdlib_module_names) - {"mmocr_siga"})')
    assert foreign == ['set()']


IN_PLACE = '''
import sys
import numpy, mmcv.ops
import mmengine.hub, mmengine.infer
import mmengine.runner.checkpoint as checkpoint
from mmengine.dist import utils
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import MODELS
print(hasattr(numpy, 'sctypes'), 'mmcv._ext' in sys.modules,
      'join_or_gloo' in str(utils._init_dist_pytorch.__code__),
      'without_devices' in str(MMDistributedDataParallel.__init__.__code__),
      checkpoint.torch.load.__module__)
print(MODELS.get('mmocr.SIGAEncoder').__module__,
      any('mmocr_siga' in type(finder).__module__ for finder in sys.meta_path))
print(sorted(name for name in sys.modules if name.startswith('mmocr_siga.')))
import mmocr.models, mmengine.model
print(type(mmocr.models.__loader__).__name__, mmocr.__spec__.loader is mmocr.__loader__)
'''


@pytest.mark.parametrize('before', [
    'import mmocr_siga, mmdet.models, mmocr.apis',
    'import mmocr.registry; mmocr.registry.MODELS._imported = True; import mmocr_siga',
    'import mmengine.runner, mmcv, torch; from mmocr_siga.models import SIGAEncoder'])
def test_every_order_of_imports(before):
    """Whatever is imported first, all is patched, components are found, and the hook goes."""
    patched, found, ours, loader = run(before + IN_PLACE)
    assert patched == 'True True True True mmocr_siga.compat.patches'
    assert found == 'mmocr_siga.models.encoders.siga_encoder False'
    assert 'mmocr_siga.evaluation' not in ours  # another registry's
    assert loader == 'SourceFileLoader True'


def test_all_registries():
    """A component lies in a folder that its registry imports."""
    import mmocr.registry
    from mmengine.registry import Registry

    import mmocr_siga
    mmocr_siga.register()
    found = 0
    for registry in vars(mmocr.registry).values():
        if isinstance(registry, Registry) and registry.scope == 'mmocr':
            for component in registry.module_dict.values():
                if component.__module__.startswith('mmocr_siga.'):
                    found += 1
                    assert '.'.join(component.__module__.split('.')[:2]) in registry._locations
    assert found > 50


def test_patches_say_why():
    assert len({patch.apply for patch in PATCHES}) == len(PATCHES)
    assert all(patch.what and patch.why and patch.until for patch in PATCHES)


@pytest.fixture
def wrong_mmdet(tmp_path):
    (tmp_path / 'mmdet.py').write_text("__version__ = '3.3.0'\nassert False\n")
    metadata = tmp_path / 'mmdet-3.3.0.dist-info'
    metadata.mkdir()
    (metadata / 'METADATA').write_text('Metadata-Version: 2.1\nName: mmdet\nVersion: 3.3.0\n')
    return tmp_path


@pytest.mark.parametrize('code', [
    'import mmocr_siga, mmocr',
    'from mmengine.registry import MODELS, init_default_scope; import mmocr_siga\n'
    "init_default_scope('mmocr'); MODELS.build(dict(type='SIGAEncoder'))",
    'from mmocr_siga.apis import WordInferencer',
    'import mmocr_siga; mmocr_siga.register()'])
def test_wrong_versions_are_told_before_the_others_assert(code, wrong_mmdet):
    done = run(code, wrong_mmdet, check=False)
    assert done.returncode != 0
    assert 'mmdet 3.3.0 is installed, >=3.0.0, <3.2.0 is needed' in done.stderr
    assert 'AssertionError' not in done.stderr


def test_an_import_that_fails_can_be_tried_again(tmp_path):
    """The hook stays until a module was really imported."""
    (tmp_path / 'mmcv.py').write_text('import os\nos.environ["READY"]\nOK = True\n')
    assert run('import os, sys, mmocr_siga\ntry: import mmcv\nexcept KeyError: pass\n'
               'sys.modules["mmcv._ext"] = sys; os.environ["READY"] = "1"; import mmcv\n'
               'print(mmcv.OK, mmcv.__loader__ is mmcv.__spec__.loader)', tmp_path) == ['True True']
