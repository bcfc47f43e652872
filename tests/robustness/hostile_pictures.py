"""Everything that somebody may give in place of a picture, or as one, made from a seed."""
from __future__ import annotations

import io
import itertools
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

MODES = ('1', 'L', 'P', 'LA', 'RGB', 'RGBA', 'CMYK', 'YCbCr', 'LAB', 'I', 'I;16', 'F')
FORMATS = ('PNG', 'JPEG', 'GIF', 'BMP', 'TIFF', 'WEBP', 'AVIF', 'JPEG2000', 'PPM', 'TGA', 'ICO',
           'PCX', 'SGI', 'EPS', 'PDF')
SIZES = ((1, 1), (1, 2), (2, 1), (3, 300), (97, 33), (120, 40), (1, 60000), (60000, 1), (900, 700))
# Width and height that headers claim: none, huge, beyond what fits 32 bits with its channels.
CLAIMED = ((0, 0), (0, 9), (9, 0), (30000, 30000), (65535, 65535), (2**31 - 1, 2**31 - 1))


def hostile_pictures(rng: np.random.Generator, folder: str | os.PathLike
                     ) -> Iterator[tuple[str, Any]]:
    """Endless pairs of a kind and one input that is not a list; files are made in ``folder``."""
    makers: list[Callable[[np.random.Generator, Path], Iterator[tuple[str, Any]]]] = [
        _whole, _damaged, _claims, _bombs, _objects, _paths, _arrays]
    folder = Path(folder)
    for maker in itertools.cycle(makers):
        yield from maker(rng, folder)


def _one_of(rng: np.random.Generator, items: Any) -> Any:
    return items[rng.integers(len(items))]


def _picture(rng: np.random.Generator, mode: str, size: tuple[int, int]) -> Image.Image:
    values = rng.integers(0, 256, (size[1], size[0], 4), np.uint8)
    if rng.integers(2):  # what compresses well
        values[:] = values[0, 0]
    image = Image.fromarray(values)
    return image.convert('L').convert('I').convert(mode) if mode == 'I;16' else (
        image.convert('RGB' if mode in ('CMYK', 'YCbCr', 'LAB') else 'RGBA').convert(
            'L' if mode in ('I', 'F') else mode if mode != 'LAB' else 'RGB'))


def _encoded(rng: np.random.Generator) -> tuple[str, bytes]:
    """A picture of any format, mode and size, with orientation, frames, profiles at random."""
    while True:
        name, mode, size = (_one_of(rng, items) for items in (FORMATS, MODES, SIZES))
        options: dict[str, Any] = {}
        if rng.integers(3) == 0:
            exif = Image.Exif()
            exif[0x0112] = int(rng.integers(0, 11))
            options['exif'] = exif.tobytes() if rng.integers(2) else rng.bytes(40)
        if rng.integers(4) == 0:
            options['icc_profile'] = rng.bytes(200)
        # (Pillow's own writer of AVIF ends the process at frames, now and then.)
        if name in ('GIF', 'PNG', 'WEBP', 'TIFF') and rng.integers(3) == 0:
            options.update(save_all=True, append_images=[_picture(rng, mode, size)])
        if name == 'JPEG' and rng.integers(2):
            options.update(progressive=True)
        buffer = io.BytesIO()
        try:
            _picture(rng, mode, size).save(buffer, name, **options)
        except Exception:  # not every format has every mode and size
            continue
        return f'{name} {mode} {size[0]}x{size[1]}', buffer.getvalue()


def _whole(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Any]]:
    for _ in range(6):
        yield _encoded(rng)


def _damaged(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Any]]:
    for _ in range(10):
        kind, data = _encoded(rng)
        changed, way = bytearray(data), int(rng.integers(6))
        if way == 0:
            changed = changed[:rng.integers(len(data))]
        elif way == 1:
            for place in rng.integers(0, len(data), 8):
                changed[place] ^= 1 << int(rng.integers(8))
        elif way == 2:  # in the header
            for place in rng.integers(0, min(64, len(data)), 3):
                changed[place] = int(rng.integers(256))
        elif way == 3:
            start = int(rng.integers(len(data)))
            changed[start:start + 50] = rng.bytes(50)
        elif way == 4:
            changed += rng.bytes(200)
        else:  # the beginning of one format, the rest of another
            changed[:16] = _encoded(rng)[1][:16]
        yield f'damaged ({way}) {kind}', bytes(changed)


def png_chunk(name: bytes, data: bytes) -> bytes:
    return (struct.pack('>I', len(data)) + name + data
            + struct.pack('>I', zlib.crc32(name + data)))


def png(width: int, height: int, depth: int = 8, color: int = 2, before: bytes = b'',
        data: bytes = b'\0' * 100) -> bytes:
    """A PNG file with whatever its header claims."""
    header = struct.pack('>IIBBBBB', width, height, depth, color, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + png_chunk(b'IHDR', header) + before
            + png_chunk(b'IDAT', zlib.compress(data, 9)) + png_chunk(b'IEND', b''))


def _claims(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Any]]:
    """Small files that say they are of any size."""
    width, height = _one_of(rng, CLAIMED)
    short = min(width, 65535), min(height, 65535)
    name = f'{width}x{height}'
    yield f'PNG claims {name}', png(width, height, _one_of(rng, (8, 16)), _one_of(rng, (0, 2, 6)))
    yield f'GIF claims {name}', (
        b'GIF89a' + struct.pack('<HHBBB', *short, 0x80, 0, 0) + b'\0\0\0\xff\xff\xff,'
        + struct.pack('<HHHHB', 0, 0, *short, 0) + b'\x02\x02\x4c\x01\x00;')
    yield f'BMP claims {name}', (b'BM' + struct.pack('<IHHI', 58, 0, 0, 54) + struct.pack(
        '<IiiHHIIiiII', 40, width, height, 1, _one_of(rng, (1, 8, 24, 32)), 0, 0, 0, 0, 0, 0)
        + b'\0' * 4)
    yield f'PPM claims {name}', b'P6 %d %d 255\n\0\0\0' % (width, height)
    yield f'TGA claims {name}', struct.pack('<BBBHHBHHHHBB', 0, 0, 2, 0, 0, 0, 0, 0, *short, 24, 0)
    buffer = io.BytesIO()
    Image.new('RGB', (8, 8)).save(buffer, 'JPEG')
    yield f'JPEG claims {name}', buffer.getvalue().replace(
        b'\0\x11\x08\0\x08\0\x08', b'\0\x11\x08' + struct.pack('>HH', *short[::-1]))
    for kind in ('WEBP', 'TIFF', 'JPEG2000', 'AVIF'):
        buffer = io.BytesIO()
        Image.new('RGB', (16, 16)).save(buffer, kind, **dict(lossless=True) if kind == 'WEBP'
                                        else {})
        for form in ('<H', '>H', '<I', '>I'):  # wherever the size may stand
            wide = min(width, 65535 if form[1] == 'H' else width)
            yield f'{kind} claims {name}', buffer.getvalue().replace(
                struct.pack(form, 16), struct.pack(form, wide))


def _bombs(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Any]]:
    """What unfolds to much more than it is."""
    much = zlib.compress(b'\0' * 30_000_000, 9)
    yield 'PNG text bomb', png(9, 9, before=png_chunk(b'zTXt', b'a\0\0' + much), data=bytes(261))
    yield 'PNG profile bomb', png(9, 9, before=png_chunk(b'iCCP', b'a\0\0' + much), data=bytes(261))
    yield 'PNG with too many rows', png(9, 9, data=bytes(3_000_000))
    yield 'many PNG chunks', png(9, 9, before=png_chunk(b'tEXt', b'a\0b') * 3000, data=bytes(261))
    frames = [Image.new('P', (40, 30), i % 256) for i in range(200)]
    buffer = io.BytesIO()
    frames[0].save(buffer, 'GIF', save_all=True, append_images=frames[1:])
    yield 'GIF with 200 frames', buffer.getvalue()
    yield 'nothing', b''
    for start in (b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff', b'GIF89a', b'BM', b'II*\0', b'MM\0*',
                  b'RIFF\xff\xff\xff\x7fWEBP', b'\0\0\0\x20ftypavif', b'\xff\x4f\xff\x51', b'P6\n',
                  b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9999 9999\n', b'%PDF-1.7',
                  b'PK\3\4', b'<!doctype html><html>',
                  b'<svg xmlns="http://www.w3.org/2000/svg"/>', b'\x1f\x8b'):
        yield f'begins with {start[:8]!r}', start + rng.bytes(int(rng.integers(300)))


class _Raises:
    """Raises where it is looked at."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get('names', ()):
            raise RuntimeError(f'{name} is not for you')
        raise AttributeError(name)


class _Late(io.BytesIO):
    def read(self, *_: Any) -> bytes:
        raise OSError('the disk is gone')


def _objects(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Any]]:
    kind, data = _encoded(rng)
    yield f'BytesIO of {kind}', io.BytesIO(data)
    yield f'memoryview of {kind}', memoryview(data)
    yield 'bytearray', bytearray(rng.bytes(50))
    yield 'a file that fails', _Late(data)
    yield 'a text file', io.StringIO('text')
    yield 'what raises when read', _Raises('read')
    yield 'what raises as an array', _Raises('__array__', 'ndim')
    for value in (None, 5, 1.5, True, {}, {'path': 'a.png'}, [], [[0, 1], [1, 0]], (b'a', b'b'),
                  object(), int, len, iter([1, 2]), range(3), {'a.png'}, Exception('x'), 1j):
        yield f'{type(value).__name__}', value
    buffer = io.BytesIO()
    _picture(rng, 'RGB', (90, 30)).save(buffer, 'PNG')
    yield 'a PIL image that fails late', Image.open(io.BytesIO(buffer.getvalue()[:300]))
    closed = Image.open(io.BytesIO(buffer.getvalue()))
    closed.close()
    yield 'a PIL image that is closed', closed
    mode = _one_of(rng, MODES)
    yield f'PIL {mode}', _picture(rng, mode, _one_of(rng, SIZES))
    yield 'PIL of no size', Image.new('RGB', _one_of(rng, ((0, 0), (0, 5), (5, 0))))


def _paths(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Any]]:
    for path in ('a\0b.png', '\ud800.png', 'x' * 300, 'x/' * 3000, 'http://127.0.0.1:9/a.png',
                 's3://a/b.png', 'file:///etc/passwd', '', ' ', '.\n', '~', '-', '@', '@a\0b',
                 '@nothing.txt', '/dev/zero', '/dev/null', '/proc/self/mem', '/proc/kmsg',
                 '\\\\x\\y'):
        yield f'path {path[:12]!r}', path
    kind, data = _encoded(rng)
    name = f'ünï\n\t {int(rng.integers(9))}'
    (folder / name).write_bytes(data)
    yield f'a file of {kind}', folder / name
    yield 'a path in bytes', os.fsencode(folder / name)
    (folder / 'list').write_bytes(png(40, 30, data=rng.bytes(3630)))
    yield 'a picture as a list', f'@{folder / "list"}'
    if hasattr(os, 'mkfifo') and not (folder / 'fifo.png').exists():
        os.mkfifo(folder / 'fifo.png')
        os.symlink('loop.png', folder / 'loop.png')
        (folder / 'empty').mkdir()
        with open(folder / 'sparse.png', 'wb') as file:
            file.truncate(1 << 40)
    for name in ('fifo.png', '@fifo.png', 'loop.png', 'empty', 'sparse.png', 'fifo.png/a.png'):
        yield name, f'@{folder}/{name[1:]}' if name[0] == '@' else str(folder / name)


def _arrays(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, Any]]:
    for _ in range(12):
        axes = int(rng.integers(0, 5))
        shape = tuple(int(_one_of(rng, (0, 1, 2, 3, 4, 5, 32, 100))) for _ in range(axes))
        dtype = _one_of(rng, ('uint8', 'uint16', 'int8', 'int64', 'bool', 'float16', 'float32',
                              'float64', 'longdouble', 'complex64', 'object', 'U3', 'M8[s]', 'V4'))
        values = rng.normal(*_one_of(rng, ((.5, .2), (128, 50), (0, 1e30))), shape)
        if values.size and rng.integers(3) == 0:
            values.flat[0] = _one_of(rng, (np.nan, np.inf, -np.inf))
        with np.errstate(all='ignore'):
            try:
                array = np.asarray(values).astype(dtype)
            except (TypeError, ValueError):
                array = np.zeros(shape, dtype)
        yield f'array {shape} {dtype}', array
        if dtype in ('uint8', 'int64', 'float32', 'float64', 'bool'):
            yield f'tensor {shape} {dtype}', torch.from_numpy(np.array(array))
    yield 'np.matrix', np.matrix(rng.integers(0, 256, (32, 90), np.uint8))
    yield 'masked array', np.ma.masked_less(rng.integers(0, 256, (32, 90), np.uint8), 9)
    yield 'sparse tensor', torch.eye(32).to_sparse()
    yield 'half tensor', torch.rand(3, 32, 90).bfloat16()
    yield 'tensor without values', torch.empty(3, 32, 90, device='meta')
    yield 'np.float64', np.float64(3)
