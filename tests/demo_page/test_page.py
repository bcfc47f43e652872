"""The page in a real browser, served by the command."""
import io
import json
import time
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from mmocr_siga.apis import WordInferencer
from mmocr_siga.demo_page import ClientFiles
from mmocr_siga.inference.editor import EDITED
from tests.helpers.browser import chromium, element, shown, wait

pytest.importorskip('selenium', reason='Selenium is not installed')


@pytest.fixture(scope='module')
def browser():
    with chromium() as driver:
        yield driver


def choose(driver, tab):
    wait(lambda: [button for button in driver.find_elements('css selector', 'button[role=tab]')
                  if button.text == tab])[0].click()


def clear(driver, name):
    driver.find_element('css selector', f'#{name} button[aria-label="Remove Image"]').click()
    wait(lambda: not driver.find_elements('css selector', f'#{name} img'))


def upload(driver, name, path):
    element(driver, f'#{name} input[type=file]').send_keys(str(path))


def test_a_word_is_read(address, browser, tiny_files, word_file, tmp_path):
    browser.get(address)
    upload(browser, 'word-input', word_file)
    text = wait(lambda: shown(browser, '#word-text .siga-text'))
    want = WordInferencer(*tiny_files, device='cpu')(str(word_file))[0]
    assert text == want.text and len(text) == 8
    bars = [bar.text.split('\n')[0] for bar in
            browser.find_elements('css selector', '#word-text .siga-bar')]
    assert bars == list(text)
    # Boxes and maps are really displayed.
    for name in ('word-boxes', 'word-sheet'):
        wait(lambda name=name: browser.execute_script(
            'const i = document.querySelector(arguments[0]);'
            'return i && i.complete && i.naturalWidth > 300 && i.getBoundingClientRect().width',
            f'#{name} img'))
    browser.save_screenshot(str(tmp_path / 'page.png'))
    picture = cv2.imread(str(tmp_path / 'page.png'))
    assert picture.shape[1] > 1000 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 50
    clear(browser, 'word-input')
    wait(lambda: 'Drop, paste or choose' in shown(browser, '#word-text'))


def test_samples_can_be_tried_before_anything_else(address, browser, tmp_path):
    browser.get(address)
    sample = wait(lambda: browser.find_elements('css selector', 'button.gallery-item'))[0]
    wait(lambda: sample.click() or True)
    assert len(wait(lambda: shown(browser, '#word-text .siga-text'))) == 8
    # And a file that is no picture after it.
    clear(browser, 'word-input')
    (tmp_path / 'word.png').write_text('not a picture')
    upload(browser, 'word-input', tmp_path / 'word.png')
    assert 'it is no picture' in wait(lambda: shown(browser, '#word-text .siga-error'))


def test_a_scene_is_read(address, browser, word_file):
    browser.get(address)
    choose(browser, 'A scene')
    element(browser, '#scene-regions textarea').send_keys('0,0,120,40\n10,5,60,5,60,35,10,35,x')
    upload(browser, 'scene-input', word_file)
    assert 'text score' in wait(lambda: shown(browser, '#scene-words .siga-words'))
    assert len(browser.find_elements('css selector', '#scene-words tr')) == 3
    box = element(browser, '#scene-regions textarea')
    box.clear()
    box.send_keys('no region')
    element(browser, '#scene-read').click()
    assert 'line 1 is no region' in wait(lambda: shown(browser, '#scene-words .siga-error'))


def picture_of(driver, name):
    """What an element shows, as the browser fetches it."""
    source = wait(lambda: driver.find_element('css selector', f'#{name} img').get_attribute('src'))
    content = driver.execute_async_script(
        'const done = arguments[1]; fetch(arguments[0]).then(r => r.arrayBuffer()).then('
        'b => done(Array.from(new Uint8Array(b))))', source)
    return Image.open(io.BytesIO(bytes(content)))


def test_a_word_is_rewritten_and_erased(address, browser, word_file):
    browser.get(address)
    choose(browser, 'Edit')
    upload(browser, 'edit-input', word_file)
    wait(lambda: browser.find_elements('css selector', '#edit-input img'))
    element(browser, '#edit-text input, #edit-text textarea').send_keys('NEW')
    element(browser, '#edit-regions textarea').send_keys('0,0,60,40')
    element(browser, '#edit-write').click()
    assert 'NEW' in wait(lambda: shown(browser, '#edit-words td:nth-child(2)'))
    image = picture_of(browser, 'edit-picture')
    assert image.text == {'Comment': EDITED}
    before = cv2.imread(str(word_file))[..., ::-1]
    changed = (np.asarray(image) != before).any(2)
    assert changed[:, :60].any() and not changed[:, 60:].any()
    element(browser, '#edit-erase').click()
    wait(lambda: shown(browser, '#edit-words td:nth-child(2)') == 'erased')
    box = element(browser, '#edit-text input, #edit-text textarea')
    box.clear()
    box.send_keys('\u5b57')
    element(browser, '#edit-write').click()
    assert 'cannot be edited' in wait(lambda: shown(browser, '#edit-words .siga-error'))


@pytest.mark.parametrize('editor', [None, SimpleNamespace()])
def test_the_tab_is_there_with_an_editor_only(editor):
    page = pytest.importorskip('mmocr_siga.demo_page.page', reason='Gradio is not installed')
    reader = SimpleNamespace(editor=editor, word=None, scene=None, edit=None)
    files = ClientFiles()
    try:
        config = page.build_page(reader, files).get_config_file()
    finally:
        files.close()
    tabs = [part['props']['label'] for part in config['components'] if part['type'] == 'tabitem']
    assert tabs == ['A word', 'A scene', *(['Edit'] if editor else [])]
    names = {call['api_name'] for call in config['dependencies']}
    assert ('edit' in names) is ('erase' in names) is bool(editor)


def test_nothing_is_asked_of_other_servers(address, browser):
    browser.get_log('performance')
    browser.get(address)
    element(browser, '#word-input input[type=file]')
    time.sleep(1)
    asked = set()
    for entry in browser.get_log('performance'):
        message = json.loads(entry['message'])['message']
        if message['method'] == 'Network.requestWillBeSent':
            asked.add(message['params']['request']['url'])
    assert len(asked) > 5
    assert {url for url in asked if not url.startswith((address, 'data:', 'blob:', 'chrome'))} == (
        set())
