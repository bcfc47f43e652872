"""Files that are whole or not there, and which checkpoints are kept."""
import os

import pytest
import torch
from mmengine.fileio import LocalBackend

from mmocr_siga.compat.saving import find_whole, whole_file
from tests.helpers.toy_run import build, toy_config, write_words


class TestWholeFile:

    def test_written_and_read(self, tmp_path):
        path = tmp_path / 'a.txt'
        LocalBackend().put(b'old', path)
        with whole_file(path, 'w', encoding='utf-8') as file:
            file.write('é')
            assert path.read_bytes() == b'old'
        assert path.read_bytes() == 'é'.encode() and os.listdir(tmp_path) == ['a.txt']
        with whole_file(path, 'rb') as file:
            assert file.read() == 'é'.encode()

    def test_a_full_disk_leaves_the_old_one(self, tmp_path, monkeypatch):
        path = tmp_path / 'a'
        path.write_bytes(b'old')

        def full(_):
            raise OSError(28, 'No space left on device')

        monkeypatch.setattr(os, 'fsync', full)
        with pytest.raises(OSError, match='No space left'):
            LocalBackend().put(b'new', path)
        assert path.read_bytes() == b'old' and os.listdir(tmp_path) == ['a']

    def test_links_and_devices_stay_what_they_are(self, tmp_path):
        (tmp_path / 'link').symlink_to(tmp_path / 'file')
        LocalBackend().put(b'x', tmp_path / 'link')
        assert (tmp_path / 'link').is_symlink() and (tmp_path / 'file').read_bytes() == b'x'
        LocalBackend().put(b'x', os.devnull)
        assert not os.path.isfile(os.devnull)


class TestFindWhole:

    @pytest.fixture
    def folder(self, tmp_path):
        for step in (2, 4, 10, 12):
            torch.save(torch.arange(100), tmp_path / f'iter_{step}.pth')
        torch.save(0, tmp_path / 'best_acc_iter_11.pth')
        return tmp_path

    @pytest.mark.parametrize('named, damaged, found', [
        (10, (), 10), (10, (10, ), 4), (10, (10, 4), 2), (7, (), 4), (None, (12, ), 10)])
    def test_the_newest(self, folder, named, damaged, found):
        for step in damaged:
            path = folder / f'iter_{step}.pth'
            data = bytearray(path.read_bytes())
            if step == 4:
                data = data[:len(data) // 2]
            else:
                data[data.index(torch.arange(100).numpy().tobytes()) + 9] ^= 1
            path.write_bytes(data)
        name = named and str(folder / f'iter_{named}.pth')
        assert find_whole(name, str(folder)) == str(folder / f'iter_{found}.pth')

    def test_none(self, tmp_path):
        assert find_whole(None, str(tmp_path)) is None
        (tmp_path / 'iter_1.pth').write_bytes(b'')
        with pytest.raises(RuntimeError, match='nothing in .* can be resumed: .*iter_1.pth'):
            find_whole(None, str(tmp_path))


def left(folder):
    return sorted(path.name for path in folder.glob('*.pth'))


def test_files_of_a_resumed_run_are_replaced_and_no_others(tmp_path):
    def config(epochs):
        config = toy_config(write_words(tmp_path), 'run', max_epochs=epochs)
        config.default_hooks.checkpoint.update(
            max_keep_ckpts=1, save_best='recog/word_acc', rule='greater')
        return config

    folder = tmp_path / 'run'
    build(config(1)).train()
    first = left(folder)
    assert first == ['best_recog_word_acc_epoch_1.pth', 'epoch_1.pth']
    # A later stretch of an earlier run, and a best one that is lower than any.
    for name in ('epoch_7.pth', 'best_recog_word_acc_epoch_7.pth', 'best_other_epoch_1.pth'):
        (folder / name).write_bytes(b'')
    content = torch.load(folder / 'epoch_1.pth', weights_only=False)
    content['message_hub']['runtime_info']['best_score'] = -1.
    torch.save(content, folder / 'epoch_1.pth')
    build(config(2), resume=True).train()
    assert left(folder) == ['best_other_epoch_1.pth', 'best_recog_word_acc_epoch_2.pth',
                            'best_recog_word_acc_epoch_7.pth', 'epoch_2.pth', 'epoch_7.pth']
