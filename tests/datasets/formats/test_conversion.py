import argparse

import numpy as np
import pytest

from mmocr_siga.datasets.formats import conversion
from mmocr_siga.datasets.formats.conversion import (
    ContentSum,
    check_content,
    convert,
    image_problem,
)
from mmocr_siga.datasets.formats.records import Record, read_tsv
from mmocr_siga.datasets.formats.writers import FolderWriter
from mmocr_siga.images import encode_picture


def picture(seed=0, suffix='.png', shape=(12, 20, 3)):
    return encode_picture(np.random.default_rng(seed).integers(0, 256, shape, np.uint8), suffix)


def test_broken_images():
    for suffix in ('.png', '.jpg', '.webp', '.bmp'):
        whole = picture(1, suffix, (40, 60, 3))
        assert image_problem(whole) == ''
        assert image_problem(whole + bytes(50)) == ''
        cut = image_problem(whole[:len(whole) // 2])
        assert cut == 'is cut off' if suffix in ('.png', '.jpg') else cut
    assert image_problem(picture(0, '.png', (1, 1))) == ''
    assert image_problem(None) == image_problem(b'') == 'has no bytes'
    assert image_problem(b'no image') == 'is not an image'
    # The size in the header of a PNG set to 0.
    nothing = bytearray(picture())
    nothing[16:24] = bytes(8)
    assert image_problem(bytes(nothing)).startswith('cannot be decoded: ')


def test_conversion_counts_and_lists(tmp_path):
    def fail(error):
        def load():
            raise error
        return load

    good = picture()
    found = [Record('1', 'a', lambda: good), Record('2', 'b', lambda: b'no image'),
             Record('3', None, bytes, 'has no label'), Record('4', 'd', lambda: b''),
             Record('5', 'e', fail(FileNotFoundError())), Record('6', 'f\tg', lambda: good),
             Record('7', 'h', fail(PermissionError(13, 'Permission denied'))),
             Record('8', 'i', lambda: good, load_mask=fail(FileNotFoundError())),
             Record('9', 'j', lambda: good, boxes=[[1, 2, 3, 4]], load_mask=lambda: b'mask')]
    args = argparse.ArgumentParser()
    conversion.add_options(args, 'words')
    args.set_defaults(out=tmp_path / 'o')
    args = args.parse_args([])
    with FolderWriter(tmp_path / 'o', 'x', '') as writer:
        done = convert(found, writer, args)
    assert done.sum.count == 2
    rows = [line.split('\t') for line in (tmp_path / 'o.skipped.tsv').read_text().splitlines()]
    assert rows == [
        ['2', 'is not an image'], ['3', 'has no label'], ['4', 'has no bytes'],
        ['5', 'is missing'], ['6', 'has a label with a tab or a line break'],
        ['7', 'cannot be read (Permission denied)'], ['8', 'has a mask that cannot be read']]
    assert done.skipped == {why: 1 for _, why in rows}
    assert (tmp_path / 'o/masks/x_0000002.png').read_bytes() == b'mask'
    check_content(read_tsv(tmp_path / 'o/x.tsv'), done.sum)
    (tmp_path / 'o/images/x_0000001.png').write_bytes(picture(9))
    with pytest.raises(OSError, match='differs when it is read back: 2 words'):
        check_content(read_tsv(tmp_path / 'o/x.tsv'), done.sum)
    (tmp_path / 'o/images/x_0000001.png').unlink()
    with pytest.raises(OSError, match='cannot be read back: images/x_0000001.png is missing'):
        check_content(read_tsv(tmp_path / 'o/x.tsv'), done.sum)
    # Checksums tell where a label ends.
    sums = [ContentSum(), ContentSum()]
    sums[0].add('a', b'bc')
    sums[1].add('ab', b'c')
    assert sums[0].hexdigest() != sums[1].hexdigest()
    # Nothing left out leaves no list, not that of an earlier run.
    with FolderWriter(tmp_path / 'o', 'y', '') as writer:
        convert(found[:1], writer, args)
    assert not (tmp_path / 'o.skipped.tsv').exists()
