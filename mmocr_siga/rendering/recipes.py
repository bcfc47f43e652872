"""What to render: style, text and faces that belong together."""
from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..text.charsets import find_charset
from .backgrounds import find_photographs
from .fonts import FontLibrary, machine_faces
from .parts import PARTS, faces_of, word_part
from .renderer import WordRenderer
from .styles import PRESETS, RenderStyle
from .words import (
    COMMON_WORDS,
    CodeSource,
    FormulaSource,
    PlateSource,
    RandomSource,
    SerialSource,
    WordSource,
    read_lexicon,
)

SERIAL_CHARSET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-/.:'
CODE_CHARSET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'
PLATE_CHARSET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ- '

SOURCES = dict(random=RandomSource, serial=SerialSource, plates=PlateSource, codes=CodeSource,
               formulas=FormulaSource)


@dataclass(frozen=True)
class Recipe:
    """A kind of word images."""
    style: RenderStyle
    text: str = 'words'  # or one of SOURCES
    faces: str = 'all'  # or 'machine', see fonts.machine_faces
    charset: str = 'ascii94'  # see text.charsets.find_charset
    random_strings: float = 0.1  # fraction of them among words
    punctuation: float = 0.1  # fraction of the words that get marks
    length: tuple[int, int] = (1, 25)  # of the text, in characters


# Looked at beside crops of real scenes: those are cut less tightly and seldom beyond reading.
_SCENE = replace(PRESETS['hard'], elastic=0.1, paint_texture=0.12, tight=0.4, margin=(0.05, 0.35),
                 low_contrast=0.45, blur_sigma=(0.02, 0.085), seen_height=(14, 44))
# Across a long line a small slope is a large part of its height.
_LINE = replace(PRESETS['easy'], angle=0.2, perspective=0.02, shear=0.02, legibility=0.8)

RECIPES = {
    'mj_st_like': Recipe(_SCENE),
    # What an upright box cuts out around a word that is not upright, from afar.
    'incidental': Recipe(
        replace(_SCENE, steep=0.35, curve=0.15, angle=6.0, perspective=0.45, neighbors=0.25,
                extrusion=0.12, shadow=0.2, outline=0.12, busy=0.6, low_resolution=0.65,
                seen_height=(10, 40), blur=0.55, low_contrast=0.35),
        punctuation=0.3),
    # Long random strings leave little height a letter: bent and rotated less.
    'contextless': Recipe(
        replace(_SCENE, curve=0.08, steep=0.03, angle=3.0, neighbors=0.05), 'random',
        charset='alnum62'),
    'serial_numbers': Recipe(
        replace(_SCENE, curve=0.02, angle=3.0, steep=0.04, shear=0.06, spacing=(-0.02, 0.4),
                contrast=(40, 110), busy=0.35, metal=0.45, relief=0.4, carved=0.6, outline=0.02,
                extrusion=0.02, shadow=0.06, worn=0.15, dotted=0.03, gradient=0.05,
                paint_texture=0.25, scribble=0.14, neighbors=0.06, lighting=0.6, tone=0.55,
                low_contrast=0.45, blur=0.35, blur_sigma=(0.02, 0.065), low_resolution=0.35,
                seen_height=(18, 44), noise_sigma=(1, 9), legibility=0.6),
        'serial', 'machine', SERIAL_CHARSET),
    # Photographs of plates are cut at their rims rather than at the letters.
    'licence_plates': Recipe(
        replace(_SCENE, plate=0.9, tight=0.15, margin=(0.08, 0.6), spacing=(-0.02, 0.22),
                curve=0.0, angle=2.5, steep=0.02, shear=0.06, stretch=(0.5, 0.95),
                contrast=(60, 150), outline=0.03, extrusion=0.02, shadow=0.05, relief=0.2,
                carved=0.1, worn=0.05, dotted=0.0, gradient=0.05, scribble=0.04, neighbors=0.0,
                elastic=0.03, lighting=0.6, tone=0.6, blur=0.5, low_resolution=0.65,
                seen_height=(14, 40), legibility=0.7),
        'plates', charset=PLATE_CHARSET),
    # For groups of words in one style, see groups.render_group: print, and as 'mj_st_like'.
    'style_pairs': Recipe(PRESETS['easy'], length=(1, 16)),
    'style_pairs_scene': Recipe(replace(_SCENE, neighbors=0.0), length=(1, 16)),
    # What makes a reader lose its place: long lines in plain print.
    'long_codes': Recipe(_LINE, 'codes', charset=CODE_CHARSET, length=(30, 100)),
    'formulas': Recipe(_LINE, 'formulas', charset='ascii94', length=(30, 100)),
}


def find_faces(recipe: Recipe, charset: str, style: RenderStyle,
               folders: Iterable[os.PathLike] | None = None) -> FontLibrary:
    """The faces of a recipe; for 'machine', machine faces and the twenty plainest others."""
    if recipe.faces == 'all':
        return FontLibrary.discover(charset, folders, min_legibility=style.legibility)
    machine = machine_faces(charset, folders)
    known = {face.path for face in machine}
    try:
        plain = FontLibrary.discover(charset, folders, min_legibility=style.legibility)
        plain = plain.plainest(len(plain)).faces
    except ValueError:
        # The machine faces may cover the characters by themselves.
        plain = []
    return FontLibrary(machine + [f for f in plain if f.path not in known][:20], charset)


def build_renderer(recipe: str | Recipe = 'mj_st_like', style: str | RenderStyle | None = None,
                   charset: str | None = None, lexicon: os.PathLike | None = None,
                   random_strings: float | None = None, max_length: int | None = None,
                   fonts: Iterable[os.PathLike] | None = None,
                   backgrounds: os.PathLike | None = None, seed: int = 0,
                   punctuation: float | None = None,
                   min_length: int | None = None,
                   part: str | None = None) -> tuple[WordRenderer, list[str]]:
    """Find faces, words and backgrounds: the renderer, and the backgrounds that are no pictures.

    ``recipe`` is one of :data:`RECIPES` or your own, which decides on what is None of another
    ``style`` ('easy', 'medium' or 'hard'), ``charset``
    (:func:`~mmocr_siga.text.charsets.find_charset`), the fractions of ``random_strings`` and of
    words that get ``punctuation``, and lengths in characters. ``lexicon`` is a file with a word a
    line, ``fonts`` are folders or files, ``backgrounds`` is a folder of photographs; there are
    built-in words, installed fonts and made-up backgrounds without. ``part`` 'train' or 'test'
    takes four fifths of the families of faces and one half of the words, or the others
    (:mod:`.parts`); random strings are in both. A FileNotFoundError if one is missing, a ValueError
    if no face is usable.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise ValueError(f'unknown preset {recipe!r}; choose one of {sorted(RECIPES)}')
        recipe = RECIPES[recipe]
    if style is None:
        style = recipe.style
    elif isinstance(style, str):
        style = RenderStyle.preset(style)
    if part is not None and part not in PARTS:
        raise ValueError(f'part must be None or one of {PARTS}, but is {part!r}')
    characters = find_charset(recipe.charset if charset is None else charset)
    min_length = recipe.length[0] if min_length is None else min_length
    max_length = recipe.length[1] if max_length is None else max_length
    lengths = dict(max_length=max_length)
    if min_length > 1:
        if recipe.text not in ('random', 'codes', 'formulas'):
            raise ValueError(f'min_length has no use with text of the kind {recipe.text!r}')
        lengths.update(min_length=min_length)
    if recipe.text == 'words':
        share = recipe.random_strings if random_strings is None else random_strings
        words = read_lexicon(lexicon, characters, max_length) if lexicon else None
        if part is not None:
            words = [w for w in words or COMMON_WORDS if word_part(w) == part]
        marks = recipe.punctuation if punctuation is None else punctuation
        source = WordSource(characters, words, share, marks, max_length)
    elif lexicon or random_strings is not None or punctuation is not None:
        raise ValueError('a lexicon and fractions of random strings and of punctuation have no use '
                         f'with text of the kind {recipe.text!r}')
    else:
        source = SOURCES[recipe.text](characters, **lengths)
    photographs, left_out = find_photographs(backgrounds) if backgrounds else ([], [])
    faces = find_faces(recipe, characters, style, fonts)
    if part is not None:
        faces = faces_of(faces, part)
    return WordRenderer(faces, source, style, photographs, seed), left_out
