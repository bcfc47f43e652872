import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmocr_siga.compat import dependencies as compat
from mmocr_siga.compat.dependencies import Requirement, check_numpy, check_versions

REPO = Path(__file__).resolve().parents[1]
MMCV = next(r for r in compat.REQUIREMENTS if r.module == 'mmcv')


def has_compiled_mmcv():
    return not isinstance(sys.modules['mmcv._ext'], compat.MMCVExtPlaceholder)


needs_lite = pytest.mark.skipif(has_compiled_mmcv(), reason='a full mmcv is installed')


class TestVersions:

    @pytest.mark.parametrize('found, fits', [
        ('2.0.0', True),
        ('2.0.1', True),
        ('2.0.99+cu118', True),
        ('2.0', True),
        ('1.7.2', False),
        ('2.1.0', False),
        ('2.1.0rc1', False),
        ('2.2', False),
        ('10.0', False),
    ])
    def test_range(self, found, fits):
        if fits:
            check_versions([MMCV], lookup=lambda _: found)
        else:
            with pytest.raises(ImportError, match=f'mmcv {found} is installed, >=2.0.0, <2.1.0'):
                check_versions([MMCV], lookup=lambda _: found)

    def test_missing_mmcv_names_both_choices(self):
        with pytest.raises(ImportError, match='mmcv >=2.0.0, <2.1.0 is not installed') as error:
            check_versions([MMCV], lookup=lambda _: None)
        assert "pip install 'mmcv-lite==2.0.1'" in str(error.value)
        assert "mim install 'mmcv>=2.0.0,<2.1.0'" in str(error.value)

    def test_all_problems_in_one_message(self):
        found = dict(torch='1.13.1', mmengine='0.10.7', mmcv='2.1.0', mmdet='3.3.0', mmocr=None)
        with pytest.raises(ImportError) as error:
            check_versions(lookup=lambda requirement: found[requirement.module])
        message = str(error.value)
        assert 'torch 1.13.1 is installed, >=2.0.0 is needed' in message
        assert "pip install 'mmdet==3.1.0'" in message
        assert 'mmocr >=1.0.0, <1.1.0 is not installed' in message
        assert 'mmengine' not in message

    def test_unknown_version_passes(self):
        check_versions([MMCV], lookup=lambda _: '')

    def test_what_is_installed_here(self):
        check_versions()
        assert compat.installed_version(compat.REQUIREMENTS[0]) == torch.__version__

    def test_package_that_does_not_exist(self):
        nothing = Requirement('no_such_module', ('no-such-module', ), '1.0', None, '')
        assert compat.installed_version(nothing) is None

    def test_source_tree_without_metadata(self, tmp_path, monkeypatch):
        (tmp_path / 'bare_package').mkdir()
        (tmp_path / 'bare_package' / '__init__.py').touch()
        monkeypatch.syspath_prepend(str(tmp_path))
        bare = Requirement('bare_package', ('bare-package', ), '1.0', None, '')
        assert compat.installed_version(bare) == ''

    @pytest.mark.parametrize('torch_version, numpy_version, fits', [
        ('2.0.1', '1.26.4', True),
        ('2.2.2+cu121', '2.0.0', False),
        ('2.3.0', '2.4.6', True),
        ('2.12.1', '1.26.4', True),
    ])
    def test_numpy_2_needs_torch_2_3(self, torch_version, numpy_version, fits):
        if fits:
            check_numpy(torch_version, numpy_version)
        else:
            with pytest.raises(ImportError, match="pip install 'numpy<2'"):
                check_numpy(torch_version, numpy_version)

    def test_gate_comes_before_the_assertions_of_the_others(self, tmp_path):
        (tmp_path / 'mmdet').mkdir()
        (tmp_path / 'mmdet' / '__init__.py').write_text("__version__ = '3.3.0'\nassert False\n")
        metadata = tmp_path / 'mmdet-3.3.0.dist-info'
        metadata.mkdir()
        (metadata / 'METADATA').write_text('Metadata-Version: 2.1\nName: mmdet\nVersion: 3.3.0\n')
        path = os.pathsep.join([str(tmp_path), str(REPO)])
        result = subprocess.run([sys.executable, '-c', 'import mmocr_siga'],
                                env={**os.environ, 'PYTHONPATH': path},
                                capture_output=True,
                                text=True,
                                check=False)
        assert result.returncode != 0
        assert 'mmdet 3.3.0 is installed, >=3.0.0, <3.2.0 is needed' in result.stderr
        assert 'AssertionError' not in result.stderr


class TestNumpySctypes:

    def test_restored_when_missing(self, monkeypatch):
        monkeypatch.delattr(np, 'sctypes', raising=False)
        if hasattr(np, 'sctypes'):
            pytest.skip('this NumPy serves the attribute from its __getattr__')
        assert compat.restore_numpy_sctypes()
        assert np.float32 in np.sctypes['float']
        assert np.int64 in np.sctypes['int']
        assert np.uint8 in np.sctypes['uint']

    def test_left_alone_when_there(self, monkeypatch):
        mine = object()
        monkeypatch.setattr(np, 'sctypes', mine, raising=False)
        assert not compat.restore_numpy_sctypes()
        assert np.sctypes is mine

    def test_imgaug_imports(self):
        import imgaug
        assert np.float32 in imgaug.imgaug.NP_FLOAT_TYPES


class TestPlaceholder:

    @needs_lite
    def test_registered_with_a_spec(self):
        spec = importlib.util.find_spec('mmcv._ext')
        assert spec is sys.modules['mmcv._ext'].__spec__
        assert spec.name == 'mmcv._ext'
        assert compat.ensure_mmcv_ext()

    @needs_lite
    def test_packages_keep_saying_that_there_are_no_operators(self):
        from mmengine.utils.dl_utils.misc import mmcv_full_available
        assert not mmcv_full_available()

    @needs_lite
    def test_operator_raises_when_called_not_when_imported(self):
        from mmcv.ops import nms
        boxes, scores = torch.zeros(1, 4), torch.zeros(1)
        with pytest.raises(compat.MissingMMCVOpError, match="'nms' needs full mmcv") as error:
            nms(boxes, scores, 0.5)
        assert "mim install 'mmcv>=2.0.0,<2.1.0'" in str(error.value)

    def test_private_names_are_missing(self):
        module = compat.MMCVExtPlaceholder()
        assert not hasattr(module, '__path__')
        assert not hasattr(module, '__file__')
        with pytest.raises(AttributeError, match='_private'):
            module._private  # noqa: B018

    def test_names_are_those_asked_for(self):
        module = compat.MMCVExtPlaceholder()
        assert module.roi_align_forward.__name__ == 'roi_align_forward'
        assert module.roi_align_forward is module.roi_align_forward

    def test_compiled_module_in_sys_modules_wins(self, monkeypatch):
        compiled = type(sys)('mmcv._ext')
        monkeypatch.setitem(sys.modules, 'mmcv._ext', compiled)
        assert not compat.ensure_mmcv_ext()
        assert sys.modules['mmcv._ext'] is compiled

    @pytest.fixture
    def fresh_mmcv(self, tmp_path, monkeypatch):
        """Folder in which mmcv looks for its extension, which nobody has imported yet."""
        import mmcv
        monkeypatch.delitem(sys.modules, 'mmcv._ext')
        monkeypatch.setattr(mmcv, '__path__', [str(tmp_path)])
        monkeypatch.delattr(mmcv, '_ext', raising=False)
        yield tmp_path
        if hasattr(mmcv, '_ext'):
            del mmcv._ext

    def test_missing_module_is_replaced(self, fresh_mmcv):
        assert compat.ensure_mmcv_ext()
        assert isinstance(sys.modules['mmcv._ext'], compat.MMCVExtPlaceholder)

    def test_compiled_module_on_disk_wins(self, fresh_mmcv):
        (fresh_mmcv / '_ext.py').write_text("def nms(*args): return 'compiled'\n")
        assert not compat.ensure_mmcv_ext()
        assert sys.modules['mmcv._ext'].nms() == 'compiled'
        assert not hasattr(sys.modules['mmcv._ext'], 'roi_align_forward')

    def test_compiled_module_that_does_not_load_is_explained(self, fresh_mmcv):
        (fresh_mmcv / '_ext.py').write_text("raise ImportError('undefined symbol: _ZN2at')\n")
        with pytest.raises(ImportError, match='undefined symbol') as error:
            compat.ensure_mmcv_ext()
        assert f'do not load with torch {torch.__version__}' in str(error.value)
        assert 'pip uninstall -y mmcv' in str(error.value)


@pytest.mark.parametrize('raised, match', [
    (RuntimeError('operator torchvision::nms does not exist'), 'does not fit the installed torch'),
    (ImportError('No module named torchvision'), 'torchvision does not import'),
])
def test_torchvision_that_fails_is_explained(monkeypatch, raised, match):

    def fail(name):
        assert name == 'torchvision'
        raise raised

    monkeypatch.setattr(compat.importlib, 'import_module', fail)
    with pytest.raises(ImportError, match=match) as error:
        compat.check_torchvision()
    assert str(raised) in str(error.value)
    assert 'install torch and torchvision together, from one index' in str(error.value)


def test_apply_again_changes_nothing():
    before = sys.modules['mmcv._ext']
    compat.apply()
    assert sys.modules['mmcv._ext'] is before
