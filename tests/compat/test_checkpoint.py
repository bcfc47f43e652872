import functools
import hashlib
import io
import os
import pickle
import re
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint

from mmocr_siga.compat import checkpoint
from mmocr_siga.compat.checkpoint import UnsafeCheckpointError, load
from tests.helpers.toy_run import EachStep, build, toy_config, write_words


@pytest.fixture(autouse=True)
def protected(monkeypatch):
    monkeypatch.delenv(checkpoint.UNSAFE_ENV, raising=False)


class Reduced:
    """Pickles as a call of a function."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def fetched(owner, name):
    return Reduced(getattr, owner, name)


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'x.pth'


def replace_pickle(path, change):
    """Change the instructions in a file of ``torch.save``."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, 'w') as archive:
        for name, content in members.items():
            archive.writestr(name, change(content) if name.endswith('data.pkl') else content)


def global_(name):
    module, _, attribute = name.rpartition('.')
    return pickle.GLOBAL + f'{module}\n{attribute}\n'.encode()


BUFFER = global_('mmengine.logging.history_buffer.HistoryBuffer')


def text(value):
    return pickle.BINUNICODE + len(value).to_bytes(4, 'little') + value.encode()


class TestWhatIsLoaded:

    def test_contents(self, path):
        saved = dict(
            weights=OrderedDict(a=torch.arange(6.).view(2, 3)),
            parameter=torch.nn.Parameter(torch.ones(2)),
            types=[torch.zeros(2, dtype=getattr(torch, name))
                   for name in ('bool', 'uint8', 'int64', 'float16', 'bfloat16')],
            dtype=torch.bfloat16, size=torch.Size([2, 3]), device=torch.device('cpu'),
            plain=[1, 2.5, 'x', None, True, (1, {2}), b'\xff\x00', 1 << 80],
            counter=Counter('aab'))
        torch.save(saved, path)
        loaded = load(path, 'cpu')
        for key in ('dtype', 'size', 'device', 'plain', 'counter'):
            assert loaded[key] == saved[key]
        assert isinstance(loaded['parameter'], torch.nn.Parameter)
        assert loaded['weights']['a'].tolist() == [[0, 1, 2], [3, 4, 5]]
        assert [t.dtype for t in loaded['types']] == [t.dtype for t in saved['types']]

    @pytest.mark.parametrize('zipped', [True, False])
    def test_numpy_and_history(self, path, zipped):
        saved = dict(
            buffer=HistoryBuffer([1., 2., 6.], [1, 1, 1]),
            scalars=[np.float64(0.5), np.float32(0.25), np.int64(-3), np.bool_(True)],
            arrays=[np.arange(3), np.array([[1.5]], np.float32), np.array(['ab', 'c'])])
        torch.save(saved, path, _use_new_zipfile_serialization=zipped)
        loaded = load(str(path))
        assert loaded['buffer'].mean() == 3
        assert loaded['buffer'].statistics('current') == 6
        for old, new in zip(saved['scalars'] + saved['arrays'],
                            loaded['scalars'] + loaded['arrays']):
            assert new.dtype == old.dtype
            np.testing.assert_array_equal(new, old)

    @pytest.mark.parametrize('package', [b'numpy.core', b'numpy._core'])
    def test_names_of_numpy_1_and_2(self, path, package):
        torch.save([np.float64(0.5), np.arange(3)], path)

        def rename(code):
            code, count = re.subn(rb'numpy\._?core\.multiarray', package + b'.multiarray', code)
            assert count == 2
            return code

        replace_pickle(path, rename)
        scalar, array = load(path)
        assert scalar == 0.5 and array.tolist() == [0, 1, 2]

    def test_file_object_and_map_location(self):
        buffer = io.BytesIO()
        torch.save({'a': torch.ones(1)}, buffer)
        buffer.seek(0)
        assert load(buffer, map_location='meta')['a'].is_meta

    def test_it_cannot_change_the_statistics_of_later_buffers(self, path, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setitem(HistoryBuffer._statistics_methods, 'mean', torch.Size)
            patch.setitem(HistoryBuffer._statistics_methods, 'new', torch.Size)
            torch.save(HistoryBuffer([1.], [1]), path)
        load(path)
        assert HistoryBuffer([1., 3.], [1, 1]).statistics('mean') == 2
        assert 'new' not in HistoryBuffer._statistics_methods


class TestWhatIsRefused:

    @pytest.mark.parametrize('zipped', [True, False])
    @pytest.mark.parametrize('function, named, args', [
        (os.system, f'{os.name}.system', ('touch touched', )),
        (eval, 'eval', ('open("touched", "w")', )),
        (open, 'open', ('touched', 'w')),
        (__import__, '__import__', ('os', )),
        (functools.partial, 'functools.partial', (print, ))])
    def test_calls(self, path, monkeypatch, function, named, args, zipped):
        monkeypatch.chdir(path.parent)
        torch.save({'state_dict': {}, 'x': Reduced(function, *args)}, path,
                   _use_new_zipfile_serialization=zipped)
        with pytest.raises(UnsafeCheckpointError, match=f"names the Python object '.*{named}'"):
            load(path)
        assert os.listdir() == ['x.pth']

    @pytest.mark.parametrize('content, match', [
        (fetched(HistoryBuffer, '__init__'), "fetches the attribute '__init__'"),
        (fetched(HistoryBuffer, 'update'), "fetches the attribute 'update'"),
        (fetched(HistoryBuffer, '__dict__'), "fetches the attribute '__dict__'"),
        (fetched(torch.Tensor, 'mean'), "names the Python object 'torch.Tensor'"),
        (fetched('text', 'format'), "fetches the attribute 'format'"),
        # Where such chains lead: the builtins.
        (fetched(fetched(HistoryBuffer, '__init__'), '__globals__'), "the attribute '__init__'"),
        (fetched(fetched(HistoryBuffer, 'mean'), '__globals__'), "the attribute '__globals__'"),
        (np.array([1, 'a'], dtype=object), 'ObjectDType|object'),
    ])
    def test_contents(self, path, content, match):
        torch.save(content, path)
        with pytest.raises(UnsafeCheckpointError, match=match):
            load(path)

    @pytest.mark.parametrize('code, match', [
        # The call of a method that may be fetched, attributes of a class, an old instruction.
        (global_('builtins.getattr') + BUFFER + text('mean') + pickle.TUPLE2 + pickle.REDUCE +
         text('self') + pickle.TUPLE1 + pickle.REDUCE, 'HistoryBuffer.mean'),
        (BUFFER + pickle.NONE + pickle.EMPTY_DICT + text('mean') + text('replaced') +
         pickle.SETITEM + pickle.TUPLE2 + pickle.BUILD, 'type'),
        (pickle.MARK + text('x') + pickle.INST + b'os\nsystem\n', 'it uses|it cannot'),
    ])
    def test_instructions(self, path, code, match):
        before = HistoryBuffer.mean
        torch.save({}, path)
        replace_pickle(path, lambda _: b'\x80\x02' + code + b'.')
        with pytest.raises(UnsafeCheckpointError, match=match):
            load(path)
        assert HistoryBuffer.mean is before

    def test_torchscript(self, path):
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), str(path))
        with pytest.raises(UnsafeCheckpointError, match='TorchScript'):
            load(path)

    @pytest.mark.parametrize('change, match', [
        (lambda content: content[:len(content) // 2], 'x.pth is damaged or cut short'),
        (lambda content: b'<html>not found</html>', "not written by torch.save: .* b'<html>"),
    ])
    def test_damaged_files(self, path, change, match):
        torch.save(torch.zeros(1000), path)
        path.write_bytes(change(path.read_bytes()))
        with pytest.raises(RuntimeError, match=match):
            load(path)

    @pytest.mark.parametrize('value, harmless', [
        (float('nan'), False), (float('inf'), False), (float('-inf'), True), (1e38, True)])
    def test_weights_are_numbers_but_for_masks(self, path, value, harmless):
        weights = dict(a=torch.ones(2), mask=torch.tensor([[0, value], [0, 0]]))
        for content in (weights, dict(state_dict=weights)):
            torch.save(content, path)
            if harmless:
                load(path)
            else:
                with pytest.raises(ValueError, match="x.pth is of no use: its 'mask' holds 1 of 4"):
                    load(path)
        torch.save(dict(state_dict=dict(a=torch.tensor([1, float('-inf')]))), path)
        with pytest.raises(ValueError, match="its 'a' holds 1 of 2"):
            load(path)

    def test_a_bit_that_flipped(self, path):
        torch.save(torch.arange(100), path)
        data = bytearray(path.read_bytes())
        data[data.index(torch.arange(100).numpy().tobytes()) + 80] ^= 1
        path.write_bytes(data)
        with pytest.raises(RuntimeError, match='x.pth is damaged: x/data/0 is not what its check'):
            load(path)

    @pytest.mark.parametrize('beside, content', [
        ('x.pth.sha256', '{}  x.pth\n'),
        ('x.json', '{{"weights": {{"file": "x.pth", "sha256": "{}"}}}}')])
    def test_sums_that_were_published(self, path, beside, content):
        torch.save(torch.ones(1), path)
        right = hashlib.sha256(path.read_bytes()).hexdigest()
        (path.parent / beside).write_text(content.format(right))
        load(path)
        torch.save(torch.zeros(1), path)
        with pytest.raises(ValueError, match=f'does not belong to {beside}.*{right[:12]}'):
            load(path)
        (path.parent / beside).write_text('{"weights": {"file": "y.pth"}}')
        if beside == 'x.json':  # a file of another kind
            load(path)

    def test_explicit_opt_in(self, path, monkeypatch):
        torch.save(Reduced(str.upper, 'x'), path)
        for value in ('0', ''):
            monkeypatch.setenv(checkpoint.UNSAFE_ENV, value)
            with pytest.raises(UnsafeCheckpointError, match='x.pth was not loaded.*'
                               'weights_only=False.*MMOCR_SIGA_UNSAFE_LOAD=1'):
                load(path)
        monkeypatch.setenv(checkpoint.UNSAFE_ENV, '1')
        assert load(path) == 'X'


@pytest.mark.parametrize('text, left', [
    ("gpu_ids = [0, 1]\nraise SystemExit", 'gpu_ids = [0, 1]\n'),
    ('x = 1\ngpu_ids = range(0, 4)\n', 'gpu_ids = range(0, 4)\n'),
    ('gpu_ids = [exit()]', ''), ("model = dict(type='CRNN')", ''), (None, '')])
def test_the_config_of_a_run_is_data(path, text, left):
    torch.save(dict(meta=dict(config=text, epoch=1)), path)
    assert load(path) == dict(meta=dict(config=left, epoch=1))


class TestLoaders:
    """Whatever scheme an address has, MMEngine's loaders end in ours."""

    @pytest.fixture
    def bad(self, tmp_path, monkeypatch):
        """A file that would run code, and the addresses by which the tables of MMEngine know it."""
        torch.save(Reduced(print, 'x'), tmp_path / 'bad.pth')
        address = (tmp_path / 'bad.pth').as_uri()
        monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'cache'))
        monkeypatch.setenv('MMENGINE_HOME', str(tmp_path))
        for table in ('get_torchvision_models', 'get_mmcls_models'):
            monkeypatch.setattr(mmengine_checkpoint, table, lambda: dict(x=address))
        monkeypatch.setattr(mmengine_checkpoint, 'get_external_models', lambda: dict(x='bad.pth'))
        download = torch.hub.download_url_to_file
        monkeypatch.setattr(torch.hub, 'download_url_to_file',
                            lambda url, *args, **kwargs: download(address, *args, **kwargs))
        return tmp_path / 'bad.pth'

    @pytest.mark.parametrize('address', [
        '@', 'http://a/x.pth', 'https://a/x.pth', 'open-mmlab://x', 'openmmlab://x',
        'torchvision://x', 'modelzoo://x', 'mmcls://x'])
    def test_every_scheme(self, address, bad):
        with pytest.raises(UnsafeCheckpointError):
            CheckpointLoader.load_checkpoint(address.replace('@', str(bad)), 'cpu')

    def test_a_storage_backend(self, bad, monkeypatch):
        client = type('Client', (), dict(get=lambda self, name: bad.read_bytes()))
        monkeypatch.setattr(mmengine_checkpoint, 'get_file_backend', lambda *_, **__: client())
        with pytest.raises(UnsafeCheckpointError):
            CheckpointLoader.load_checkpoint('s3://a/x.pth')

    def test_local_file_that_is_missing(self):
        with pytest.raises(FileNotFoundError, match='nowhere.pth'):
            CheckpointLoader.load_checkpoint('nowhere.pth')

    def test_a_download_is_kept(self, tmp_path):
        torch.save({'a': 1}, tmp_path / 'good.pth')
        good = (tmp_path / 'good.pth').as_uri()
        for _ in range(2):
            assert checkpoint.load_url(good, model_dir=str(tmp_path / 'cache')) == {'a': 1}
            (tmp_path / 'good.pth').unlink(missing_ok=True)


class TestRuns:
    """A recognizer of MMOCR, trained for two iterations an epoch."""
    config = dict(max_epochs=2, param_scheduler=[
        dict(type='OneCycleLR', eta_max=1e-2, total_steps=4, by_epoch=False)])

    @pytest.fixture(scope='class')
    def folder(self, tmp_path_factory):
        return write_words(tmp_path_factory.mktemp('words'))

    @pytest.fixture(scope='class')
    def two_epochs(self, folder):
        rates = EachStep(lambda runner: runner.optim_wrapper.get_lr()['lr'][0])
        runner = build(toy_config(folder, 'run', **self.config), hooks=[rates])
        runner.train()
        runner.rates = rates.seen
        return runner

    def test_resume_gives_what_the_whole_run_gave(self, folder, two_epochs):
        rates = EachStep(lambda runner: runner.optim_wrapper.get_lr()['lr'][0])
        runner = build(toy_config(folder, 'resumed', **self.config), folder / 'run/epoch_1.pth',
                       resume=True, hooks=[rates])
        runner.train()
        assert runner.epoch == 2 and rates.seen == pytest.approx(two_epochs.rates[2:])
        expected = two_epochs.message_hub.get_scalar('train/loss').data[0]
        found = runner.message_hub.get_scalar('train/loss').data[0]
        assert len(found) == 4
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        for name, expected in two_epochs.model.state_dict().items():
            torch.testing.assert_close(runner.model.state_dict()[name], expected, msg=name)

    def test_load_from_and_test(self, folder, two_epochs):
        runner = build(toy_config(folder, 'tested'), folder / 'run/epoch_2.pth')
        assert 'recog/word_acc' in runner.test()
        for name, expected in two_epochs.model.state_dict().items():
            assert torch.equal(runner.model.state_dict()[name], expected)
