import os

import pytest

from mmocr_siga.images import walk_pictures


def test_a_folder_with_links_and_other_files(tmp_path):
    for name in ('set/b.PNG', 'set/a.avif', 'set/notes', 'set/c.svg', 'set/.x.png',
                 'set/.git/d.png', 'set/sub/e.jfif', 'elsewhere/f.png'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'')
    for link, target in (('set/linked', 'elsewhere'), ('set/again', 'elsewhere'),
                         ('set/sub/loop', 'set'), ('set/g.png', 'elsewhere/f.png')):
        os.symlink(tmp_path / target, tmp_path / link)
    root = str(tmp_path / 'set')
    assert [(os.path.relpath(path, root), told) for path, told in walk_pictures(root)] == [
        ('.x.png', 'is hidden'), ('a.avif', ''), ('b.PNG', ''),
        ('c.svg', 'is not named like a picture (.svg)'), ('g.png', ''),
        ('notes', 'is not named like a picture (without a suffix)'), ('.git', 'is hidden'),
        ('linked', 'is a folder that was searched before'), ('again/f.png', ''), ('sub/e.jfif', ''),
        ('sub/loop', 'is a folder that was searched before')]
    assert list(walk_pictures(str(tmp_path / 'gone'))) == [
        (str(tmp_path / 'gone'), 'cannot be searched (No such file or directory)')]


@pytest.mark.skipif(not hasattr(os, 'geteuid') or os.geteuid() == 0, reason='root reads everything')
def test_a_folder_that_cannot_be_searched(tmp_path):
    (tmp_path / 'closed').mkdir(mode=0)
    assert list(walk_pictures(str(tmp_path))) == [
        (str(tmp_path / 'closed'), 'cannot be searched (Permission denied)')]
