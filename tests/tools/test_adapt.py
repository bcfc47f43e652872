import cv2
import numpy as np
import pytest
import torch

from mmocr_siga.apis import ONNXWordReader, WordInferencer
from mmocr_siga.inference.packaged import packaged_models, packaged_of
from mmocr_siga.inference.pipelines import packed
from tests.helpers.readers import word_picture
from tools import adapt

MODEL = 'siga_tiny_words'
packaged = pytest.mark.skipif(MODEL not in packaged_models(), reason='no packaged weights')


def write_words(folder, texts):
    """A table of words, some of which are not what they should be; pictures show their labels."""
    folder.mkdir()
    for i, text in enumerate(texts):
        shown = ''.join(c for c in text if c.isascii())
        cv2.imwrite(str(folder / f'{i}.png'), np.roll(word_picture(shown, (40, 110)), i, 1))
    rows = [f'{i}.png\t{text}' for i, text in enumerate(texts)]
    (folder / 'labels.tsv').write_text('\n'.join([*rows, '']), encoding='utf-8')
    return folder


@packaged
def test_what_cannot_be_used_is_named_and_costs_nothing_else(tmp_path):
    folder = write_words(tmp_path / 'words', ['ab', 'cé', 'de', 'fg', 'h' * 30])
    (folder / '3.png').write_bytes(b'no picture')
    with open(folder / 'labels.tsv', 'a', encoding='utf-8') as file:
        file.write('gone.png\tij\n2.png\n')
    words, problems = adapt.usable_words(folder, adapt.label_rule(packaged_of(MODEL)))
    assert [(word.name, word.text) for word in words] == [('0.png', 'ab'), ('2.png', 'de')]
    assert words[0].picture == (folder / '0.png').read_bytes()
    named = dict(problem.split(': ', 1) for problem in problems)
    assert len(problems) == 5 and "'é'" in named['1.png'] and 'longer' in named['4.png']
    assert 'no such file' in named['gone.png'] and '3.png' in named


@packaged
@pytest.mark.parametrize('texts, message', [
    ([], 'no image'), (['ab'], "1, all labelled 'ab'"), (['ab'] * 5, "5, all labelled 'ab'"),
    (['é', 'ß'], "two labels at least.*0 usable of 2\n.*0.png: its label has 'é'")])
def test_too_few_words_are_told(tmp_path, texts, message):
    folder = write_words(tmp_path / 'words', texts)
    if not texts:
        (folder / 'labels.tsv').unlink()
    with pytest.raises(ValueError, match=message):
        adapt.main([str(folder), '--model', MODEL, '--out', str(tmp_path / 'out')])
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('texts, held', [
    ('ab', 1), ('abcdefgh', 1), ('abcdefghij' * 2, 2), ([str(i) for i in range(50)], 5),
    ('a' * 30 + 'b', 1)])
def test_a_tenth_is_held_out_and_no_label_is_on_both_sides(texts, held):
    words = [adapt.LabelledWord(str(i), b'', text) for i, text in enumerate(texts)]
    learned, held_out = adapt.split(words)
    assert sorted(learned + held_out) == sorted(words)
    assert learned and not {w.text for w in learned} & {w.text for w in held_out}
    if texts[0] != texts[1]:
        assert len(held_out) == held


@packaged
def test_a_reader_learns_words_that_mean_something_else(tmp_path, capsys):
    """From the first to the last, with pictures that are labelled as what they do not show."""
    folder = write_words(tmp_path / 'words', ['Abc', 'Abd', 'Acb', 'Adb', 'bAc', 'cAb'] * 2)
    table = (folder / 'labels.tsv').read_text(encoding='utf-8')
    (folder / 'labels.tsv').write_text(table.replace('A', '7'), encoding='utf-8')
    files, out = packaged_of(MODEL), tmp_path / 'out'
    words, _ = adapt.usable_words(folder, adapt.label_rule(files))
    adapted = adapt.adapt(words, files, steps=5)
    assert 0 < adapted.step <= 5 and adapted.after < adapted.before
    losses = []
    read = WordInferencer(files.config, device='cpu', optimize=False)
    for weights in (read.model.state_dict(), adapted.weights):
        read.model.load_state_dict(weights)
        with torch.no_grad():
            losses.append(np.mean([word_loss(read, word) for word in adapted.held_out]))
    assert losses == pytest.approx([adapted.before, adapted.after], rel=1e-3)
    model = adapt.write(files, adapted, out, 'mine', graph=True)
    picture = cv2.imread(str(folder / '0.png'))
    first, second = (reader(model.config, tta=0)(picture)[0]
                     for reader in (WordInferencer, ONNXWordReader))
    assert first.text == second.text and first.score == pytest.approx(second.score, abs=1e-3)
    assert files.weights.stat().st_size == files.card['weights']['bytes']  # as it was
    capsys.readouterr()
    assert adapt.main([str(folder), '--model', MODEL, '--out', str(tmp_path / 'more'), '--steps',
                       '5', '--no-onnx']) == 0
    told = capsys.readouterr().out
    assert '12 words, 0 left out' in told and 'held-out words right before' in told
    assert {path.suffix for path in (tmp_path / 'more').iterdir()} == {'.py', '.pth', '.json'}
    assert (tmp_path / 'more' / 'words.py').is_file()


def word_loss(read, word):
    data = packed(read.pipeline, cv2.imdecode(np.frombuffer(word.picture, np.uint8), 1))
    sample = data['data_samples']
    sample.gt_text.item = word.text
    batch = read.model.data_preprocessor(dict(inputs=[data['inputs']], data_samples=[sample]),
                                         False)
    losses = read.model.loss(batch['inputs'], batch['data_samples'])
    return sum(float(value) for name, value in losses.items() if 'loss' in name)
