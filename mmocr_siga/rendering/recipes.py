"""What to render: style, text and faces that belong together."""
from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from mmocr_siga.text.dictionary import DICT_FOLDER, SHORT_NAMES

from .backgrounds import find_photographs, sort_out_photographs
from .fonts import FontLibrary, machine_faces
from .renderer import WordRenderer
from .styles import PRESETS, RenderStyle
from .words import (
    PlateSource,
    RandomSource,
    SerialSource,
    WordSource,
    read_lexicon,
    resolve_charset,
)

SERIAL_CHARSET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-/.:'
PLATE_CHARSET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ- '


@dataclass(frozen=True)
class Recipe:
    """A kind of word images.

    Args:
        style (RenderStyle): How they look.
        text (str): 'words' (a lexicon and random strings), 'random' (1 to 25 characters),
            'serial' or 'plates'. Defaults to 'words'.
        faces (str): 'all' or 'machine', see :func:`.fonts.machine_faces`. Defaults to 'all'.
        charset (str): Name of a character set, or the characters. Defaults to 'ascii94'.
        random_strings (float): Fraction of random strings among words. Defaults to 0.1.
        punctuation (float): Fraction of the words that get marks. Defaults to 0.1, as in the
            labels of real scene words.
    """
    style: RenderStyle
    text: str = 'words'
    faces: str = 'all'
    charset: str = 'ascii94'
    random_strings: float = 0.1
    punctuation: float = 0.1


# Looked at beside crops of real scenes: those are cut less tightly and seldom beyond reading.
_SCENE = replace(PRESETS['hard'], elastic=0.1, paint_texture=0.12, tight=0.4, margin=(0.05, 0.35),
                 low_contrast=0.45, blur_sigma=(0.02, 0.085), seen_height=(14, 44))

RECIPES = {
    'mj_st_like': Recipe(_SCENE),
    # What an upright box cuts out around a word that is not upright, from afar.
    'incidental': Recipe(
        replace(_SCENE, steep=0.35, curve=0.15, angle=6.0, perspective=0.45, neighbours=0.25,
                extrusion=0.12, shadow=0.2, outline=0.12, busy=0.6, low_resolution=0.65,
                seen_height=(10, 40), blur=0.55, low_contrast=0.35),
        punctuation=0.3),
    # Long random strings leave little height a letter: bent and rotated less.
    'contextless': Recipe(
        replace(_SCENE, curve=0.08, steep=0.03, angle=3.0, neighbours=0.05), 'random',
        charset='alnum62'),
    'serial_numbers': Recipe(
        replace(_SCENE, curve=0.02, angle=3.0, steep=0.04, shear=0.06, spacing=(-0.02, 0.4),
                contrast=(40, 110), busy=0.35, metal=0.45, relief=0.4, carved=0.6, outline=0.02,
                extrusion=0.02, shadow=0.06, worn=0.15, dotted=0.03, gradient=0.05,
                paint_texture=0.25, scribble=0.14, neighbours=0.06, lighting=0.6, tone=0.55,
                low_contrast=0.45, blur=0.35, blur_sigma=(0.02, 0.065), low_resolution=0.35,
                seen_height=(18, 44), noise_sigma=(1, 9), legibility=0.6),
        'serial', 'machine', SERIAL_CHARSET),
    # Photographs of plates are cut at their rims rather than at the letters.
    'licence_plates': Recipe(
        replace(_SCENE, plate=0.9, tight=0.15, margin=(0.08, 0.6), spacing=(-0.02, 0.22),
                curve=0.0, angle=2.5, steep=0.02, shear=0.06, stretch=(0.5, 0.95),
                contrast=(60, 150), outline=0.03, extrusion=0.02, shadow=0.05, relief=0.2,
                carved=0.1, worn=0.05, dotted=0.0, gradient=0.05, scribble=0.04, neighbours=0.0,
                elastic=0.03, lighting=0.6, tone=0.6, blur=0.5, low_resolution=0.65,
                seen_height=(14, 40), legibility=0.7),
        'plates', charset=PLATE_CHARSET),
}


def find_charset(name: str) -> str:
    """Characters of a dictionary or a named set.

    Args:
        name (str): A dictionary that ships with the package, by its file name or '36', '62' or
            '94', or what :func:`.words.resolve_charset` takes: the name of a set, a file with one
            character a line, or the characters.

    Returns:
        str: Distinct characters, in order.

    Raises:
        ValueError: If there is no character, or a line of the file holds several.
    """
    packaged = os.path.join(DICT_FOLDER, os.path.basename(SHORT_NAMES.get(name, name)))
    # Only a bare name; a file at that path comes first.
    if os.path.basename(name) == name and not os.path.isfile(name) and os.path.isfile(packaged):
        name = packaged
    return resolve_charset(name)


def find_faces(recipe: Recipe, charset: str, style: RenderStyle,
               folders: Iterable[os.PathLike] | None = None) -> FontLibrary:
    """The faces of a recipe.

    Args:
        recipe (Recipe): The recipe.
        charset (str): Characters to write.
        style (RenderStyle): Tells how legible a face must be.
        folders (iterable of path, optional): Where to look. Defaults to None: the system and
            matplotlib's own faces.

    Returns:
        FontLibrary: For 'machine', machine faces and the twenty plainest others.

    Raises:
        FileNotFoundError: If a folder does not exist.
        ValueError: If no face is usable; names the characters.
    """
    if recipe.faces == 'all':
        return FontLibrary.discover(charset, folders, min_legibility=style.legibility)
    machine = machine_faces(charset, folders)
    known = {face.path for face in machine}
    try:
        plain = FontLibrary.discover(charset, folders, min_legibility=style.legibility).faces
    except ValueError:
        # The machine faces may cover the characters by themselves.
        plain = []
    plain = sorted(plain, key=lambda f: (-f.plainness, f.path))
    return FontLibrary(machine + [f for f in plain if f.path not in known][:20], charset)


def build_renderer(recipe: str | Recipe = 'mj_st_like',
                   style: str | RenderStyle | None = None,
                   charset: str | None = None,
                   lexicon: os.PathLike | None = None,
                   random_strings: float | None = None,
                   max_length: int = 25,
                   fonts: Iterable[os.PathLike] | None = None,
                   backgrounds: os.PathLike | None = None,
                   seed: int = 0,
                   punctuation: float | None = None) -> tuple[WordRenderer, list[str]]:
    """Find faces, words and backgrounds.

    Args:
        recipe (str or Recipe): 'mj_st_like' (words), 'incidental' (words of crops that are not
            upright), 'contextless' (random characters), 'serial_numbers' or 'licence_plates', or
            a recipe of your own. Defaults to 'mj_st_like'.
        style (str or RenderStyle, optional): Another difficulty: 'easy', 'medium' or 'hard'.
            Defaults to None: that of the recipe.
        charset (str, optional): See :func:`find_charset`. Defaults to None: that of the recipe.
        lexicon (path, optional): Word list, one a line. Defaults to None: built-in words.
        random_strings (float, optional): Fraction of random strings among words. Defaults to
            None: that of the recipe.
        max_length (int): Longest label. Defaults to 25.
        fonts (iterable of path, optional): Font folders or files. Defaults to None: the system's
            and matplotlib's own.
        backgrounds (path, optional): Folder of photographs. Defaults to None: made up.
        seed (int): Seed of the list of words. Defaults to 0.
        punctuation (float, optional): Fraction of the words that get marks. Defaults to None: that
            of the recipe.

    Returns:
        tuple: The renderer, and the files in ``backgrounds`` that are no pictures.

    Raises:
        FileNotFoundError: If a folder or file is missing.
        ValueError: If no face is usable, or an argument is out of its range.
    """
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise ValueError(f'unknown preset {recipe!r}; choose one of {sorted(RECIPES)}')
        recipe = RECIPES[recipe]
    if style is None:
        style = recipe.style
    elif isinstance(style, str):
        style = RenderStyle.preset(style)
    characters = find_charset(recipe.charset if charset is None else charset)
    if recipe.text == 'words':
        share = recipe.random_strings if random_strings is None else random_strings
        words = read_lexicon(lexicon, characters, max_length) if lexicon else None
        marks = recipe.punctuation if punctuation is None else punctuation
        source = WordSource(characters, words, share, marks, max_length)
    elif lexicon or random_strings is not None or punctuation is not None:
        raise ValueError('a lexicon and fractions of random strings and of punctuation have no use '
                         f'with text of the kind {recipe.text!r}')
    else:
        kinds = dict(random=RandomSource, serial=SerialSource, plates=PlateSource)
        source = kinds[recipe.text](characters, max_length=max_length)
    photographs, left_out = [], []
    if backgrounds:
        photographs, left_out = sort_out_photographs(find_photographs(backgrounds))
        if not photographs:
            raise ValueError(f'none of the {len(left_out)} pictures under {str(backgrounds)!r} '
                             'can be read')
    faces = find_faces(recipe, characters, style, fonts)
    return WordRenderer(faces, source, style, photographs, seed), left_out
