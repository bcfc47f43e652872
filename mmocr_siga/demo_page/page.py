"""The page itself, of Gradio's components."""
from __future__ import annotations

import html
import io
import json
import os
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

# Before Gradio is imported: it is to tell nobody that it runs.
os.environ['GRADIO_ANALYTICS_ENABLED'] = 'False'
os.environ.setdefault('HF_HUB_DISABLE_TELEMETRY', '1')

import gradio as gr
import numpy as np

from ..images import encode_edited, encode_picture
from ..inference.editor import EDITED
from ..visualization.canvas import written, written_width
from .client_files import ClientFiles
from .guard import CLIENT
from .reader import EditView, KeptView, PageReader, SceneView, WordView

__all__ = ['CSS', 'build_page', 'page_theme']

CSS = """
.siga-text { font-size: 2.4rem; font-weight: 600; line-height: 1.2; overflow-wrap: anywhere;
             font-family: 'DejaVu Sans', Verdana, sans-serif; }
.siga-note { color: var(--body-text-color-subdued); margin: .2rem 0 .8rem; }
.siga-error { border-left: 4px solid #c0392b; padding: .6rem .8rem; font-size: 1.05rem;
              background: rgba(192, 57, 43, .09); }
.siga-bars { display: flex; flex-wrap: wrap; gap: 6px; }
.siga-bar { width: 46px; text-align: center; }
.siga-bar .well { height: 64px; background: var(--border-color-primary); position: relative;
                  border-radius: 4px; overflow: hidden; }
.siga-bar .fill { position: absolute; bottom: 0; left: 0; right: 0; background: #2e8b57; }
.siga-bar .char { font-size: 1.3rem; font-family: 'DejaVu Sans Mono', monospace; }
.siga-bar .share { font-size: .75rem; color: var(--body-text-color-subdued); }
.siga-words { width: 100%; border-collapse: collapse; }
.siga-words td, .siga-words th { padding: .3rem .6rem; text-align: left;
                                 border-bottom: 1px solid var(--border-color-primary); }
"""
WORD_HINT = 'Drop, paste or choose a picture of one word.'
SCENE_HINT = 'Drop, paste or choose a picture with words in it.'
REGIONS_HINT = ('Leave empty to let the detector find them; or one region a line: x1, y1, x2, y2 '
                'of a box, or x and y of each corner, from the upper left one on clockwise. Lines '
                'of ICDAR ground truth serve as they are.')
CONTEXT_HINT = ('Characters are looked up in labelled words, too: in a file of <code>python -m '
                'mmocr_siga context add</code>, or in words that are kept below.')
EDIT_HINT = 'Drop, paste or choose a picture of a word, or of a scene.'
OLD_HINT = 'In a scene: what is read now where the new text shall be.'
PLACE_HINT = ('Instead of that, where the words are, as for scenes. Leave both empty where the '
              'picture is one word.')
_SAMPLES = (('COFFEE', (245, 245, 240), (40, 40, 40)), ('Station', (120, 60, 20), (250, 250, 250)),
            ('exit42', (40, 150, 40), (255, 255, 255)))


# One thread for all reading: each new one would keep memory of its own.
_READING = ThreadPoolExecutor(1)
_FAILED = 'something went wrong in reading it, which the log of the server tells'

# Pictures come as the files that they are: the reader tells, in the page, what is wrong with them.
_EVENT = dict(preprocess=False, concurrency_limit=1, concurrency_id='model',
              show_progress='minimal')


def page_theme() -> gr.themes.Base:
    """A theme whose fonts are on every machine; the default one loads them from the internet."""
    return gr.themes.Default(font=['system-ui', 'sans-serif'], font_mono=['monospace'])


def build_page(reader: PageReader, files: ClientFiles, title: str = 'SIGA') -> gr.Blocks:
    """Build the page, to be served with :data:`CSS` and :func:`page_theme`; ``title`` is the name
    of the model."""
    gr.set_static_paths(files.folder)  # else Gradio makes copies that everybody gets
    with gr.Blocks(title='Read words', analytics_enabled=False) as page:
        gr.HTML(f'<h1>Read words</h1><div class="siga-note">{html.escape(title)}</div>')
        with gr.Accordion('Words of your own', open=False, elem_id='context'):
            gr.HTML(_hint(CONTEXT_HINT))
            context = gr.File(label='Context (.npz)', file_types=['.npz'], elem_id='context-file')
        with gr.Tab('A word'):
            _word_tab(reader, files, context)
        with gr.Tab('A scene'):
            _scene_tab(reader, files, context)
        if reader.editor is not None:
            with gr.Tab('Edit'):
                _edit_tab(reader, files)
    return page


def _word_tab(reader: PageReader, files: ClientFiles, context: gr.File) -> None:
    samples = _sample_files(files)
    with gr.Row():
        with gr.Column(scale=1):
            picture = _input('Word', 'word-input', 240)
            chosen = gr.Dataset(components=[picture], samples=[[path] for path in samples],
                                type='index', label='No picture at hand?')
            label = gr.Textbox(label='What it says', max_lines=1, elem_id='word-label')
            keep = gr.Button('Keep as context', elem_id='word-keep')
            kept = gr.HTML(elem_id='word-kept')
        with gr.Column(scale=2):
            text = gr.HTML(_hint(WORD_HINT), elem_id='word-text')
            boxes = _shown('Characters', 'word-boxes')
    sheet = _shown('How it was read', 'word-sheet')
    with gr.Accordion('As JSON', open=False):
        details = gr.Code(language='json', label='Reading', interactive=False)

    def show(file: dict | None, pool: dict | None, request: gr.Request) -> tuple:
        view = file and _read(WordView, reader.word, file['path'], _path(pool))
        return (word_html(view), _picture(view and view.boxes, files, request),
                _picture(view and view.sheet, files, request), _json(view and view.details))

    def sample(number: int | None) -> str | None:
        return samples[number] if number in range(len(samples)) else None

    def add(file: dict | None, label: str | None, pool: dict | None, request: gr.Request) -> tuple:
        view = file and _read(KeptView, reader.keep, file['path'], label or '', _path(pool))
        client = request.cookies.get(CLIENT)
        if not view or view.content is None or not client:
            return gr.skip(), _error(view.error, 'kept') if view else _hint(WORD_HINT)
        path = files.add(client, io.BytesIO(view.content), '.npz')
        return gr.update(value=path), _hint(html.escape(view.note))

    outputs = [text, boxes, sheet, details]
    picture.change(show, [picture, context], outputs, api_name='word', **_EVENT)
    context.change(show, [picture, context], outputs, api_name=False, **_EVENT)
    keep.click(add, [picture, label, context], [context, kept], api_name='keep', **_EVENT)
    chosen.click(sample, chosen, picture, api_name=False, preprocess=False, show_progress='hidden')


def _scene_tab(reader: PageReader, files: ClientFiles, context: gr.File) -> None:
    with gr.Row():
        with gr.Column(scale=1):
            picture = _input('Scene', 'scene-input', 300)
            regions = gr.Textbox(label='Where the words are', info=REGIONS_HINT, lines=5,
                                 max_lines=12, elem_id='scene-regions',
                                 placeholder='12, 30, 180, 74')
            button = gr.Button('Read', variant='primary', elem_id='scene-read')
        with gr.Column(scale=2):
            drawn = _shown('Words', 'scene-picture')
            words = gr.HTML(_hint(SCENE_HINT), elem_id='scene-words')
    with gr.Accordion('As JSON', open=False):
        details = gr.Code(language='json', label='Readings', interactive=False)

    def show(file: dict | None, lines: str | None, pool: dict | None,
             request: gr.Request) -> tuple:
        view = file and _read(SceneView, reader.scene, file['path'], lines or '', _path(pool))
        return (_picture(view and view.picture, files, request), scene_html(view),
                _json(view and view.details))

    outputs = [drawn, words, details]
    inputs = [picture, regions, context]
    button.click(show, inputs, outputs, api_name='scene', **_EVENT)
    picture.change(show, inputs, outputs, api_name=False, **_EVENT)


def _edit_tab(reader: PageReader, files: ClientFiles) -> None:
    with gr.Row():
        with gr.Column(scale=1):
            picture = _input('Picture', 'edit-input', 240)
            text = gr.Textbox(label='New text', max_lines=1, elem_id='edit-text')
            old = gr.Textbox(label='Old text', info=OLD_HINT, max_lines=1, elem_id='edit-old')
            regions = gr.Textbox(label='Where it is', info=PLACE_HINT, lines=2, max_lines=6,
                                 elem_id='edit-regions', placeholder='12, 30, 180, 74')
            with gr.Row():
                write = gr.Button('Write', variant='primary', elem_id='edit-write')
                erase = gr.Button('Erase', elem_id='edit-erase')
        with gr.Column(scale=2):
            edited = _shown('Edited', 'edit-picture')
            words = gr.HTML(_hint(EDIT_HINT), elem_id='edit-words')

    def show(file: dict | None, text: str | None, old: str | None, lines: str | None,
             request: gr.Request) -> tuple:
        view = file and _read(EditView, reader.edit, file['path'], text, lines or '', old or '')
        picture = None if not view or view.picture is None else encode_edited(view.picture, EDITED)
        return _file(picture, files, request), edit_html(view)

    def write_text(file: dict | None, text: str | None, old: str | None, lines: str | None,
                   request: gr.Request) -> tuple:
        return show(file, text or '', old, lines, request)

    def erase_text(file: dict | None, old: str | None, lines: str | None,
                   request: gr.Request) -> tuple:
        return show(file, None, old, lines, request)

    write.click(write_text, [picture, text, old, regions], [edited, words], api_name='edit',
                **_EVENT)
    erase.click(erase_text, [picture, old, regions], [edited, words], api_name='erase', **_EVENT)


def _path(pool: dict | None) -> str | None:
    """Of the file of a context, if there is one."""
    return pool['path'] if pool else None


def _read(view: type, read: Callable, *given: Any) -> Any:
    try:
        return _READING.submit(read, *given).result()
    except Exception:
        traceback.print_exc()
        return view(error=_FAILED)


def _input(label: str, name: str, height: int) -> gr.Image:
    return gr.Image(label=label, sources=['upload', 'clipboard'], height=height, elem_id=name,
                    buttons=['fullscreen'])


def _shown(label: str, name: str) -> gr.Image:
    return gr.Image(label=label, show_label=False, visible=False, interactive=False, elem_id=name,
                    format='png', buttons=['download', 'fullscreen'])


def word_html(view: WordView | None) -> str:
    """Text, score and a bar for each character."""
    if view is None:
        return _hint(WORD_HINT)
    if view.error is not None:
        return _error(view.error)
    bars = ''.join(
        f'<div class="siga-bar" title="{share:.4f}"><div class="well"><div class="fill" '
        f'style="height: {100 * share:.0f}%"></div></div><div class="char">'
        f'{html.escape(character)}</div><div class="share">{100 * share:.0f} %</div></div>'
        for character, share in view.characters)
    text = html.escape(view.text) if view.text else '<i>nothing was read</i>'
    return (f'<div class="siga-text">{text}</div><div class="siga-note">score '
            f'{view.score:.3f}: how probable it is that the whole word is right</div>'
            f'<div class="siga-bars">{bars}</div>')


def scene_html(view: SceneView | None) -> str:
    """A table of the words."""
    if view is None:
        return _hint(SCENE_HINT)
    if view.error is not None:
        return _error(view.error)
    rows = ''.join(f'<tr><td>{number}</td><td>{html.escape(text)}</td><td>{score:.3f}</td></tr>'
                   for number, (text, score) in enumerate(view.words, 1))
    return (f'<div class="siga-note">{html.escape(view.note)}</div><table class="siga-words"><tr>'
            f'<th></th><th>text</th><th>score</th></tr>{rows}</table>')


def edit_html(view: EditView | None) -> str:
    """A table of the words that were edited."""
    if view is None:
        return _hint(EDIT_HINT)
    if view.error is not None:
        return _error(view.error, 'edited')
    rows = ''.join(
        '<tr>' + ''.join(f'<td>{cell}</td>' for cell in (
            html.escape(before), '<i>erased</i>' if text is None else html.escape(text),
            html.escape(reading), f'{score:.3f}')) + '</tr>'
        for before, text, reading, score in view.words)
    return (f'<div class="siga-note">{html.escape(view.note)}</div><table class="siga-words"><tr>'
            f'<th>read before</th><th>written</th><th>read now</th><th>score</th></tr>{rows}'
            f'</table><div class="siga-note">{EDITED} The file says so, too.</div>')


def _hint(text: str) -> str:
    return f'<div class="siga-note">{text}</div>'


def _error(reason: str, done: str = 'read') -> str:
    return f'<div class="siga-error">This cannot be {done}: {html.escape(reason)}</div>'


def _picture(picture: np.ndarray | None, files: ClientFiles, request: gr.Request) -> Any:
    return _file(None if picture is None else encode_picture(picture, '.png'), files, request)


def _file(content: bytes | None, files: ClientFiles, request: gr.Request) -> Any:
    """A PNG for the client, which only somebody with a cookie can fetch."""
    client = request.cookies.get(CLIENT)
    if content is None or not client:
        return gr.update(value=None, visible=False)
    return gr.update(value=files.add(client, io.BytesIO(content), '.png'), visible=True)


def _json(details: dict | None) -> str:
    return json.dumps(details, indent=1) if details else ''


def _sample_files(files: ClientFiles) -> list[str]:
    """Printed words, for somebody who has no picture at hand."""
    paths = []
    for text, ground, ink in _SAMPLES:
        sheet = np.full((84, int(written_width(text, 56)) + 40, 3), ground, np.uint8)
        drawn = encode_picture(written(sheet, [((20, 62), text, 56, ink)]), '.png')
        paths.append(files.add(None, io.BytesIO(drawn), '.png'))
    return paths
