"""What the page answers to those who want more of it than words."""
import pytest

from tests.robustness import page_attacks
from tests.robustness.page_attacks import API, META, Client, find_leaks, flood, word

pytest.importorskip('gradio', reason='Gradio is not installed')


def test_files_of_the_server_and_of_others_stay_where_they_are(address, tmp_path):
    assert find_leaks(address, tmp_path, doors=2) == []


@pytest.mark.parametrize('attack', ['foreign_pages', 'active_content', 'malformed_calls'])
def test_attacks(attack, address):
    assert getattr(page_attacks, attack)(address) == []


def test_a_client_reads_what_it_uploaded(address):
    client, other = Client(address), Client(address)
    picture = word('own')
    _, path = client.upload(picture)
    assert client.ask('GET', f'{API}/file={path}')[2] == picture
    own = client.call('word', dict(path=path, meta=META))
    assert own.startswith('event: complete') and 'siga-text' in own
    # Of others, of nobody, and without a cookie: the same.
    refused = {who.call('word', dict(path=where, meta=META)) for who, where in (
        (other, path), (other, __file__), (other, path + 'x'), (Client(address, False), path))}
    assert len(refused) == 1 and 'it was not uploaded from here' in refused.pop()
    assert other.ask('GET', f'{API}/file={path}')[::2] == (404, b'')
    # Not the drawing either.
    drawing = own.split('"path": "')[1].split('"')[0]
    assert client.ask('GET', f'{API}/file={drawing}')[1]['content-type'] == 'image/png'
    assert other.ask('GET', f'{API}/file={drawing}')[0] == 404


def test_what_is_too_much_is_told(address):
    client = Client(address)
    assert client.upload(bytes(2**26))[0] == 413
    status, _, answer = client.ask('POST', f'{API}/call/scene', dict(data=[None, '1' * 2**16]))
    assert status == 413 and b'64 KiB' in answer
    assert client.ask('POST', f'{API}/upload', b'x')[0] == 400
    answers, _ = flood(address, 100)
    assert set(answers) <= {'read', 'busy'} and answers['read'] and sum(answers.values()) == 100


@pytest.mark.parametrize('bound, name, answers', [
    ('127.0.0.1', 'localhost', True), ('127.0.0.1', '127.0.0.1', True), ('::1', '::1', True),
    ('127.0.0.1', '192.168.1.5', False), ('127.0.0.1', 'evil.example', False),
    ('127.0.0.1', 'page.example', True), ('0.0.0.0', '192.168.1.5', True),
    ('::', 'fe80::1', True), ('0.0.0.0', 'evil.example', False), ('0.0.0.0', '1.2.3.4.5', False)])
def test_names_that_the_page_answers_to(bound, name, answers):
    from mmocr_siga.demo_page.guard import answers_to
    assert answers_to(bound, ['Page.example'])(name) is answers


def test_a_context_is_kept_word_by_word_and_belongs_to_its_client(address):
    client, other = Client(address), Client(address)
    _, first = client.upload(word('one'))
    told = client.call('keep', dict(path=first, meta=META), 'abc', None)
    assert '1 word: abc' in told and 'kept' not in told
    context = told.split('"path": "')[1].split('"')[0]
    assert context.endswith('.npz')
    given = dict(path=context, meta=META)
    _, second = client.upload(word('two'))
    assert '2 words: abc, xyz' in client.call('keep', dict(path=second, meta=META), 'xyz', given)
    assert 'siga-text' in client.call('word', dict(path=second, meta=META), given)
    # Of others it is no file; what is no context is told.
    _, picture = other.upload(word('one'))
    assert 'the context was not uploaded from here' in other.call(
        'word', dict(path=picture, meta=META), given)
    _, wrong = other.upload(b'PK no archive', 'pool.npz')
    answer = other.call('word', dict(path=picture, meta=META), dict(path=wrong, meta=META))
    assert 'no pool of context words' in answer and wrong not in answer
    assert 'takes a file' in other.call('word', dict(path=picture, meta=META), 'text')
