import importlib.util
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmocr_siga.compat import dependencies
from mmocr_siga.compat.dependencies import Requirement, check_numpy, check_versions

MMCV = next(r for r in dependencies.REQUIREMENTS if r.module == 'mmcv')


@pytest.mark.parametrize('found, fits', [
    ('2.0.0', True), ('2.0.1', True), ('2.0.99+cu118', True), ('2.0', True), ('', True),
    ('1.7.2', False), ('2.1.0', False), ('2.1.0rc1', False), ('2.2', False), ('10.0', False)])
def test_range(found, fits):
    if fits:
        check_versions([MMCV], lookup=lambda _: found)
        # Nightly builds of torch fit, too.
        check_versions(dependencies.REQUIREMENTS[:1], lookup=lambda _: '2.10.0a0+git1234')
    else:
        with pytest.raises(ImportError, match=f'mmcv {found} is installed, >=2.0.0, <2.1.0'):
            check_versions([MMCV], lookup=lambda _: found)


@pytest.mark.parametrize('found, said', [
    (dict(torch='2.1', mmengine='0.10.7', mmdet='3.1', mmocr='1.0.1'),
     ['mmcv >=2.0.0, <2.1.0 is not installed', "pip install 'mmcv-lite==2.0.1'",
      "mim install 'mmcv>=2.0.0,<2.1.0'"]),
    # All problems in one message.
    (dict(torch='1.13.1', mmengine='0.10.7', mmcv='2.1.0', mmdet='3.3.0'),
     ['torch 1.13.1 is installed, >=2.0.0 is needed', "pip install 'mmdet==3.1.0'",
      'mmocr >=1.0.0, <1.1.0 is not installed'])])
def test_messages(found, said):
    with pytest.raises(ImportError) as error:
        check_versions(lookup=lambda requirement: found.get(requirement.module))
    message = str(error.value)
    assert all(words in message for words in said) and 'mmengine' not in message


def test_what_is_installed_here(tmp_path, monkeypatch):
    dependencies.check()
    found = dependencies.installed_version(dependencies.REQUIREMENTS[0])
    assert found.split('+')[0] == torch.__version__.split('+')[0]
    # Packages without metadata.
    (tmp_path / 'bare_package.py').touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, found in (('bare_package', ''), ('no_such_module', None)):
        assert dependencies.installed_version(Requirement(name, (name, ), '>=1', '')) == found


@pytest.mark.parametrize('torch_version, numpy_version, fits', [
    ('2.0.1', '1.26.4', True), ('2.2.2+cu121', '2.0.0', False), ('2.3.0', '2.4.6', True),
    ('2.12.1', '1.26.4', True)])
def test_numpy_2_needs_torch_2_3(torch_version, numpy_version, fits):
    if fits:
        check_numpy(torch_version, numpy_version)
    else:
        with pytest.raises(ImportError, match="pip install 'numpy<2'"):
            check_numpy(torch_version, numpy_version)


@pytest.mark.parametrize('raised', [
    RuntimeError('operator torchvision::nms does not exist'),
    ImportError('No module named torchvision')])
def test_torchvision_that_fails_is_explained(monkeypatch, raised):
    def fail(name):
        assert name == 'torchvision'
        raise raised

    monkeypatch.setattr(dependencies.importlib, 'import_module', fail)
    with pytest.raises(ImportError, match='does not fit the installed torch') as error:
        dependencies.check_torchvision()
    assert str(raised) in str(error.value)
    assert 'install torch and torchvision together, from one index' in str(error.value)


def test_numpy_sctypes_are_restored_when_missing_alone():
    import imgaug
    assert np.float32 in imgaug.imgaug.NP_FLOAT_TYPES
    numpy = SimpleNamespace(**{key: getattr(np, key) for key in dir(np) if key != 'sctypes'})
    dependencies.restore_numpy_sctypes(numpy)
    for kind, scalar in (('float', np.float32), ('int', np.int64), ('uint', np.uint8)):
        assert scalar in numpy.sctypes[kind]
    numpy.sctypes = there = {}
    dependencies.restore_numpy_sctypes(numpy)
    assert numpy.sctypes is there and there == {}


@pytest.mark.skipif(not isinstance(sys.modules['mmcv._ext'], dependencies.MMCVExtPlaceholder),
                    reason='a full mmcv is installed')
def test_operators_raise_when_called_not_when_imported():
    from mmcv.ops import nms
    from mmengine.utils.dl_utils.misc import mmcv_full_available
    spec = importlib.util.find_spec('mmcv._ext')
    assert spec is sys.modules['mmcv._ext'].__spec__ and spec.name == 'mmcv._ext'
    assert not mmcv_full_available()
    boxes, scores = torch.zeros(1, 4), torch.zeros(1)
    with pytest.raises(dependencies.MissingMMCVOpError, match="'nms' needs full mmcv") as error:
        nms(boxes, scores, 0.5)
    assert "mim install 'mmcv>=2.0.0,<2.1.0'" in str(error.value)


def test_names_of_the_placeholder_are_those_asked_for_but_private_ones():
    module = dependencies.MMCVExtPlaceholder()
    assert module.roi_align_forward is module.roi_align_forward
    assert module.roi_align_forward.__name__ == 'roi_align_forward'
    assert not hasattr(module, '__path__')
    with pytest.raises(AttributeError, match='_private'):
        module._private  # noqa: B018


@pytest.fixture
def fresh_mmcv(tmp_path, monkeypatch):
    """mmcv, with a file in which it looks for an extension that nobody has imported yet."""
    import mmcv
    monkeypatch.delitem(sys.modules, 'mmcv._ext')
    monkeypatch.setattr(mmcv, '__path__', [str(tmp_path)])
    monkeypatch.delattr(mmcv, '_ext', raising=False)
    yield mmcv, tmp_path / '_ext.py'
    if hasattr(mmcv, '_ext'):
        del mmcv._ext


def test_a_missing_module_is_replaced_once_and_a_compiled_module_wins(fresh_mmcv):
    mmcv, extension = fresh_mmcv
    dependencies.ensure_mmcv_ext(mmcv)
    placeholder = sys.modules['mmcv._ext']
    assert isinstance(placeholder, dependencies.MMCVExtPlaceholder)
    dependencies.ensure_mmcv_ext(mmcv)
    assert sys.modules.pop('mmcv._ext') is placeholder
    extension.write_text("def nms(*args): return 'compiled'\n")
    for _ in range(2):  # on disk, and in sys.modules
        dependencies.ensure_mmcv_ext(mmcv)
        assert sys.modules['mmcv._ext'].nms() == 'compiled'
        assert not hasattr(sys.modules['mmcv._ext'], 'roi_align_forward')


def test_a_compiled_module_that_does_not_load_is_explained(fresh_mmcv):
    mmcv, extension = fresh_mmcv
    extension.write_text("raise ImportError('undefined symbol: _ZN2at')\n")
    with pytest.raises(ImportError, match='undefined symbol') as error:
        dependencies.ensure_mmcv_ext(mmcv)
    assert f'do not load with torch {torch.__version__}' in str(error.value)
    assert 'pip uninstall -y mmcv' in str(error.value)
