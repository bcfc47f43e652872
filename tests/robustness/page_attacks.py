"""Attacks on the page of ``python -m mmocr_siga demo``, from outside, by what it answers.

Each function takes the address of a running page and gives a list of what is wrong; empty is well.
"""
from __future__ import annotations

import http.client
import io
import json
import os
import re
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from PIL import Image, ImageDraw

API = '/gradio_api'
SECRET = 'TOPSECRET'
PATIENCE = 20  # seconds for an answer; an attack that takes longer hangs
META = {'_type': 'gradio.FileData'}


class Client:
    """Somebody with a cookie of the page, unless ``known`` is false."""

    def __init__(self, url: str, known: bool = True) -> None:
        self.host, self.cookie = urlsplit(url).netloc, ''
        if known:
            self.cookie = self.ask('GET', '/')[1]['set-cookie'].split(';')[0]

    def ask(self, method: str, path: str, body: Any = None, headers: dict | None = None,
            timeout: float = PATIENCE) -> tuple[int, Any, bytes]:
        """Status, headers and content of an answer; bodies that are not bytes go as JSON."""
        connection = http.client.HTTPConnection(self.host, timeout=timeout)
        # Whatever a path is, it is sent.
        connection._validate_path = lambda url: None
        headers = {'Cookie': self.cookie, 'Content-Type': 'application/json', **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def upload(self, content: bytes, name: str = 'word.png') -> tuple[int, Any]:
        """Status and path."""
        mark = b'----parts'
        head = f'Content-Disposition: form-data; name="files"; filename="{name}"'.encode()
        body = b'--%s\r\n%s\r\n\r\n%s\r\n--%s--\r\n' % (mark, head, content, mark)
        status, _, answer = self.ask('POST', f'{API}/upload', body, {
            'Content-Type': 'multipart/form-data; boundary=' + mark.decode()})
        return status, json.loads(answer)[0] if status == 200 else answer

    def call(self, name: str, *data: Any) -> str:
        """What a function of the page answers, or why it does not."""
        status, _, answer = self.ask('POST', f'{API}/call/{name}', dict(data=data))
        if status == 200:
            event = json.loads(answer)['event_id']
            status, _, answer = self.ask('GET', f'{API}/call/{name}/{event}')
        return answer.decode() if status == 200 else f'{status} {answer.decode()}'


def word(text: str = SECRET) -> bytes:
    """A picture of a word."""
    picture = Image.new('RGB', (30 * len(text), 44), 'white')
    ImageDraw.Draw(picture).text((8, 2), text, fill='black', font_size=34)
    file = io.BytesIO()
    picture.save(file, 'PNG')
    return file.getvalue()


def png(width: int, height: int) -> bytes:
    """A black picture of any size, packed as small as it goes."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return b'%s%s%s%s' % (struct.pack('>I', len(data)), kind, data,
                              struct.pack('>I', zlib.crc32(kind + data)))

    row, packer = bytes(1 + (width + 7) // 8), zlib.compressobj(9)
    pixels = b''.join(packer.compress(row) for _ in range(height)) + packer.flush()
    head = struct.pack('>IIBBBBB', width, height, 1, 0, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', pixels)
            + chunk(b'IEND', b''))


def secrets_in(folder: Path) -> dict[str, str]:
    """Files of the server that nobody uploaded, and other things that a path may lead to."""
    (folder / 'secret.txt').write_text(SECRET)
    (folder / 'secret.png').write_bytes(word())
    (folder / 'link.png').symlink_to(folder / 'secret.png')
    os.mkfifo(folder / 'fifo.png')
    names = dict(text='secret.txt', picture='secret.png', link='link.png', fifo='fifo.png',
                 nothing='nothing.png', folder='')
    return {key: str(folder / name) for key, name in names.items()} | dict(
        passwd='/etc/passwd', zero='/dev/zero', stdin='/dev/stdin', environ='/proc/self/environ',
        list='@/etc/passwd', dots='../' * 12 + 'etc/passwd', nul='/etc/passwd\0.png',
        surrogate='/etc/\ud800passwd', tilde='~/.ssh/id_rsa', long='/' + 'a' * 9000)


def _quoted(path: str, kept: str = '/') -> str:
    return quote(path.encode(errors='surrogatepass'), kept)


def _spellings(path: str) -> Iterator[str]:
    yield _quoted(path)
    yield _quoted(_quoted(path, ''), '')
    yield '/' + _quoted(path)
    yield 'file://' + _quoted(path)


def _addresses(path: str, link: str) -> Iterator[str]:
    """Addresses by which a server of Gradio's might give a file."""
    for spelling in _spellings(path):
        for door in ('file=', 'file/', 'proxy=', 'stream/', 'stream/s/0/1/', 'custom_component/',
                     'custom_component/image/client/component/', 'component_server/',
                     'run-history/records/word/'):
            yield f'{API}/{door}{spelling}'
        dots = _quoted('../' * 9 + path.lstrip('/'), '')
        for door in ('static', 'assets', 'svelte', 'pwa_icon', 'monitoring', 'file=', 'docs'):
            yield f'/{door}/{spelling}'
            yield f'/{door}/{dots}'
            yield f'/{door}/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2f..{spelling}'
            yield f'/{door}/../../../../../../../../../..{spelling}'
    yield f'{API}/proxy={link}'
    yield f'{API}/file={link}'


def _values(path: str, own: str) -> Iterator[Any]:
    """Values by which a call might make a function read a file."""
    file = dict(path=path, meta=META)
    yield file
    yield dict(path=path)
    yield dict(path=own, url=path, meta=META)
    yield dict(path=own, orig_name=path, meta=dict(META, path=path), value=file)
    yield dict(url=path, meta=META)
    yield dict(path=f'{own}/../../{path}', meta=META)
    yield dict(path=[path], meta=META)
    yield [file]
    yield dict(image=file, value=file, __type__='update')
    yield path


def find_leaks(url: str, folder: Path, doors: int = 10**6) -> list[str]:
    """Tries to have files of the server: by every address, and by every value of a call.

    ``folder`` is an empty one that the server may read; ``doors`` shortens the search.
    """
    paths, client, other = secrets_in(folder), Client(url), Client(url)
    own, theirs = client.upload(word('own'))[1], other.upload(word())[1]
    hits: list[str] = []
    elsewhere = _listener(hits)
    link = f'http://127.0.0.1:{elsewhere.server_port}/word.png'
    found, answers = [], {}

    def look(what: str, answer: bytes | str) -> str:
        text = answer.decode('latin-1') if isinstance(answer, bytes) else answer
        if SECRET in text or 'root:' in text or 'PATH=' in text:
            found.append(f'{what}: {text[:80]!r}')
        return text

    try:
        for key, path in {**paths, 'theirs': theirs, 'link': link}.items():
            for number, address in zip(range(doors), _addresses(path, link)):
                try:
                    status, _, answer = client.ask('GET', address)
                except (OSError, http.client.HTTPException) as error:
                    found.append(f'GET {address[:80]!r}: {error!r}')
                    continue
                look(f'GET {address[:80]!r}', answer)
                if key in ('text', 'nothing'):
                    answers.setdefault(f'GET {number}', set()).add((status, answer))
            for number, value in zip(range(doors), _values(path, own)):
                for name, data in dict(word=[value], scene=[value, '']).items():
                    try:
                        answer = look(f'/{name} {str(value)[:80]!r}', client.call(name, *data))
                        # That the client's own picture is read is well.
                        if 'score' in answer and not _is_own(value, own):
                            found.append(f'/{name} {str(value)[:80]!r} is read: {answer[:200]!r}')
                        _through_queue(client, name, data, look)
                    except (OSError, http.client.HTTPException) as error:
                        found.append(f'/{name} {str(value)[:80]!r}: {error!r}')
                        continue
                    if key in ('text', 'nothing', 'fifo') and not _is_own(value, own):
                        answers.setdefault(f'{name} {number}', set()).add(answer)
        if client.ask('GET', f'{API}/file={theirs}')[0] == 200:
            found.append('a file of another client is served')
    finally:
        elsewhere.shutdown()
    found += [f'{door} tells what exists: {[str(a)[-90:] for a in some]}'
              for door, some in answers.items() if len(some) > 1]
    return found + [f'the server asked another one for {path}' for path in hits]


def _is_own(value: Any, own: str) -> bool:
    return isinstance(value, dict) and value.get('path') == own


def _through_queue(client: Client, name: str, data: list, look: Any) -> None:
    """The same by the other ways into Gradio, and what it tells of it then."""
    config = json.loads(client.ask('GET', '/config')[2])
    number = next(f['id'] for f in config['dependencies'] if f['api_name'] == name)
    session, asked = 'attack', []
    body = dict(data=data, fn_index=number, session_hash=session, event_data=data[0])
    for door in ('queue/join', f'run/{name}', f'api/{name}', f'call/v2/{name}', 'component_server',
                 'process_recording', 'stream/x'):
        status, _, answer = client.ask('POST', f'{API}/{door}', body)
        asked.append(answer)
        if door == 'queue/join' and status == 200:
            asked.append(client.ask('GET', f'{API}/queue/data?session_hash={session}')[2])
    link = client.ask('GET', f'{API}/deep_link?session_hash={session}')[2].decode().strip('"')
    asked.append(client.ask('GET', f'/config?deep_link={quote(link)}')[2])
    copies = re.findall(r'[^"=\s]*/secret\.(?:txt|png)', b' '.join(asked[1:]).decode('latin-1'))
    for answer in asked:
        look(f'/{name} through the queue', answer)
    for copy in set(copies):
        look(f'a copy of {name}', client.ask('GET', f'{API}/file={quote(copy)}')[2])


def _listener(hits: list[str]) -> HTTPServer:
    """A server that should be asked for nothing."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(word())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(('127.0.0.1', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def foreign_pages(url: str) -> list[str]:
    """Requests by other names, and from other pages of a browser, that are answered."""
    client, host, found = Client(url), urlsplit(url).netloc, []
    port = host.rsplit(':')[-1]
    headers = [dict(Host=name) for name in (
        'evil.example', f'evil.example:{port}', f'127.0.0.1.evil.example:{port}', f'user@{host}',
        f'localhost.evil:{port}', '', 'a b', f'10.0.0.1:{port}', '[::2]')]
    headers += [dict(Origin=origin) for origin in (
        'http://evil.example', 'null', f'http://{host}.evil.example', f'http://{host}0',
        'https://127.0.0.1', 'file://', f'http://{host}/', f'http://x@{host}')]
    for header in headers:
        for method, path in (('GET', '/'), ('GET', '/config'), ('POST', f'{API}/call/word'),
                             ('POST', f'{API}/upload'), ('OPTIONS', '/config')):
            status, answered, _ = client.ask(method, path, headers=header)
            if status < 400 or 'access-control-allow-origin' in answered:
                found.append(f'{method} {path} with {header}: {status}')
    return found


def active_content(url: str) -> list[str]:
    """Uploads that a browser would run in the page's name."""
    client, found = Client(url), []
    script = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    for name, content in {'a.svg': script, 'a.html': b'<html>' + script, 'a.js': b'alert(1)',
                          'a.png': script, 'a.xml': b'<?xml version="1.0"?>' + script,
                          '../../a.html': script, 'a.html\0.png': script, 'a.pdf': b'%PDF-1.7',
                          'both.html': word() + script}.items():
        status, path = client.upload(content, name)
        if status != 200:
            continue
        _, headers, _ = client.ask('GET', f'{API}/file={quote(path)}')
        kind, options = headers['content-type'], headers['x-content-type-options']
        kept = kind == 'image/png' or (kind == 'application/octet-stream' and headers[
            'content-disposition'].startswith('attachment'))
        if not kept or options != 'nosniff' or '..' in path:
            found.append(f'{name}: {kind} at {path}')
    return found


def malformed_calls(url: str) -> list[str]:
    """Calls that get no clear error."""
    client, found = Client(url), []
    own = client.upload(word('own'))[1]
    deep = b'[' * 30_000
    bodies: list[Any] = [
        b'', b'{', b'null', b'5', b'"data"', b'\xff\xfe\0', deep, b'{"data":' + deep,
        b'{"data":[NaN]}', b'{"data":["\\ud800"]}', b'{"data":[' + b'9' * 5000 + b']}', {},
        dict(data=None), dict(data={}), dict(data=[]), dict(data=[1]), dict(data=['text']),
        dict(data=[[]]), dict(data=[{}]), dict(data=[dict(path=5)]), dict(data=[dict(path=None)]),
        dict(data=[dict(url='http://127.0.0.1/')]), dict(data=[True]), dict(data=[own]),
        dict(data=[dict(path=own)] * 3), b'{"data":["' + b'x' * 10**6 + b'"]}']
    for name in ('word', 'scene', 'nothing', 'load_example'):
        for body in bodies + [dict(data=[dict(path=own), value]) for value in (5, [], {}, 1e300)]:
            what = f'/{name} {str(body)[:60]}'
            status, _, answer = client.ask('POST', f'{API}/call/{name}', body)
            if status == 200:
                event = json.loads(answer)['event_id']
                answer = client.ask('GET', f'{API}/call/{name}/{event}')[2]
                if b'event: complete' not in answer:
                    found.append(f'{what}: {answer.decode()[-80:]!r}')
            elif not 400 <= status < 500 or (status != 404 and len(answer) < 20):
                found.append(f'{what}: {status} {answer[:80]!r}')
    for body in [dict(data=[None]), dict(data=[None], fn_index=0), dict(data=[None], fn_index=[]),
                 dict(data=[None], fn_index=99, session_hash='s'), dict(fn_index=0),
                 dict(data=[None], fn_index=0, session_hash=7),
                 dict(data=[None], fn_index=0, session_hash='s' * 999)]:
        status, _, answer = client.ask('POST', f'{API}/queue/join', body)
        if not 400 <= status < 500 or len(answer) < 20:
            found.append(f'queue/join {body}: {status} {answer[:80]!r}')
    return found


def large_pictures(url: str) -> list[str]:
    """Pictures and regions that would take much more than what is sent; each has to be answered."""
    client, found = Client(url), []
    gif = b'GIF89a' + struct.pack('<HHBBB', 60_000, 60_000, 0, 0, 0) + b',' + struct.pack(
        '<HHHHB', 0, 0, 60_000, 60_000, 0) + b'\x02\x02\x44\x01\x00;'
    pictures = dict(bomb=png(30_000, 30_000), gif=gif, wide=png(1_000_000, 1),
                    high=png(1, 1_000_000), large=png(7_000, 7_000))
    small = client.upload(word('own'))[1]
    regions = {'many': '1,1,90,40\n' * 5_000, 'corners': ','.join(['1', '2', '60', '30'] * 4_000),
               'numbers': '-1e300,-1e300,1e300,1e300\n' * 50, 'large': '0,0,9999,9999\n' * 100}
    calls = [(f'{key} as {name}', name, [dict(path=client.upload(content)[1]), *more])
             for key, content in pictures.items() for name, more in (('word', []), ('scene', ['']))]
    calls += [(key, 'scene', [dict(path=small), lines]) for key, lines in regions.items()]
    for what, name, data in calls:
        start = time.monotonic()
        try:
            answer = client.call(name, *data)
        except OSError as error:
            answer = repr(error)
        if 'event: complete' not in answer and not answer.startswith('4'):
            found.append(f'{what}: {answer[:200]!r} after {time.monotonic() - start:.1f} s')
    return found


def flood(url: str, count: int = 1000) -> tuple[Counter, float]:
    """Uploads and calls all at once: how many were answered how, and the longest wait."""
    picture = word('own')

    def one(_: int) -> tuple[str, float]:
        start = time.monotonic()
        try:
            client = Client(url, known=False)
            status, headers, answer = client.ask('GET', '/', timeout=300)
            if status == 200:
                client.cookie = headers['set-cookie'].split(';')[0]
                status, answer = client.upload(picture)
            if status == 200:
                answer = client.call('word', dict(path=answer, meta=META)).encode()
                status = int(answer[:3]) if answer[:1].isdigit() else 200
            kind = ('busy' if status == 503 else f'refused {status}' if status != 200 else
                    'read' if b'siga-text' in answer else f'no reading: {answer[-60:]!r}')
        except (OSError, http.client.HTTPException) as error:
            kind = f'no answer: {error!r}'
        return kind, time.monotonic() - start

    with ThreadPoolExecutor(count) as pool:
        kinds, seconds = zip(*pool.map(one, range(count)))
    return Counter(kinds), max(seconds)


def memory(pid: int) -> float:
    """MiB of a process that are in memory."""
    status = Path(f'/proc/{pid}/status').read_text()
    return int(re.search(r'VmRSS:\s*(\d+)', status)[1]) / 1024
