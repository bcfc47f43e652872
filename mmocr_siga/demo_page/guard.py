"""What stands between the network and Gradio.

Gradio hands functions whatever files a client names, and serves its copies of them to everybody.
Here those requests alone pass that the page and ``gradio_client`` make, as the page's functions
expect them, with files that the client itself uploaded.
"""
from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import json
import re
import secrets
import socket
from collections.abc import Iterable
from typing import Any, Callable

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders, UploadFile
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..images import image_suffix
from .client_files import ClientFiles

__all__ = ['CLIENT', 'answers_to', 'guarded']

CLIENT = 'mmocr_siga_client'  # the cookie by which a client is known
LARGEST_UPLOAD, LARGEST_CALL = 64 * 2**20, 2**16  # bytes
SECONDS = 120  # for a request to arrive
UPLOADS = 64  # received at a time; more are told to try later

_CALL_IT = ('the body must be JSON: {"data": [...]}, with as many values as the function takes '
            '(GET /gradio_api/info tells)')
_UPLOAD = 'upload a picture or a context, a file of multipart/form-data'
_TOKEN = re.compile(r'[\w-]{43}', re.ASCII)
_SESSION = re.compile(r'[\w-]{1,64}', re.ASCII)
_PATH = re.compile(r'[\w/.@-]{1,200}', re.ASCII)
_HOST = re.compile(r'(?:\[([0-9a-f:.]+)\]|([\w.-]+))(?::\d+)?', re.ASCII)
# What browsers display and do not run.
_MEDIA = {'.png': 'image/png', '.jpg': 'image/jpeg', '.gif': 'image/gif', '.bmp': 'image/bmp',
          '.webp': 'image/webp'}
_PASSED_ON = ('accept', 'accept-encoding', 'content-type', 'host', 'user-agent',
              'x-forwarded-proto')


def answers_to(bound: str, names: Iterable[str] = ()) -> Callable[[str], bool]:
    """Whether the page answers to a name that a browser knows it by.

    That are ``names``, ``localhost`` and the loopback's addresses; where the page listens at more
    than those, any address and this machine's name, too. Other names may be anybody's who has them
    resolved to this machine (DNS rebinding); with addresses that cannot be done.
    """
    known = {'localhost', *(name.lower() for name in names)}
    outside = not ipaddress.ip_address(bound).is_loopback
    if outside:
        known.add(socket.gethostname().lower())

    def answers(name: str) -> bool:
        try:
            return name in known or ipaddress.ip_address(name).is_loopback or outside
        except ValueError:
            return False

    return answers


def guarded(app: ASGIApp, config: dict[str, Any], files: ClientFiles,
            answers: Callable[[str], bool], lifespan: Any = None) -> Starlette:
    """Gradio's application behind a guard.

    Args:
        app: Gradio's.
        config: What the page consists of, by :meth:`gradio.Blocks.get_config_file`.
        files: The files of its clients.
        answers: Whether the page answers to a name, see :func:`answers_to`.
        lifespan: What runs while it is served.
    """
    guard = _Guard(app, config, files)
    api = '/gradio_api'
    page = ['/', '/config', '/theme.css', '/favicon.ico', '/manifest.json', '/robots.txt',
            '/assets/{path:path}', '/static/{path:path}', f'{api}/info',
            api + '/call/{name}/{event:str}']
    return Starlette(
        routes=[Route(path, guard.page) for path in page] + [
            Route(api + '/upload', guard.upload, methods=['POST']),
            Route(api + '/upload_progress', guard.progress),
            Route(api + '/file={path:path}', guard.file),
            Route(api + '/queue/join', guard.call, methods=['POST']),
            Route(api + '/queue/data', guard.results),
            Route(api + '/call/{name}', guard.call, methods=['POST'])],
        middleware=[Middleware(_HostCheck, answers=answers)], lifespan=lifespan,
        exception_handlers={HTTPException: _told, ClientDisconnect: _told})


def _told(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # nobody listens any more
        return Response(status_code=400)
    if error.status_code == 404:  # whatever it was that there is not
        return Response(status_code=404)
    return JSONResponse(dict(detail=error.detail), error.status_code)


class _HostCheck:
    """Answers only those who call the page by its own name, and no other pages of a browser."""

    def __init__(self, app: ASGIApp, answers: Callable[[str], bool]) -> None:
        self.app, self.answers = app, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] == 'http':
            headers = Headers(scope=scope)
            hosts, origins = headers.getlist('host'), headers.getlist('origin')
            host = hosts[0].lower() if len(hosts) == 1 else ''
            name = _HOST.fullmatch(host)
            if not name or not self.answers(name[1] or name[2]):
                reason = ('the page does not answer to this name (start it with --allow-host NAME '
                          'for others than localhost)')
                await JSONResponse(dict(detail=reason), 403)(scope, receive, send)
                return
            if any(origin.lower() not in (f'http://{host}', f'https://{host}')
                   for origin in origins):
                reason = 'the page does not answer to pages from elsewhere (Origin)'
                await JSONResponse(dict(detail=reason), 403)(scope, receive, send)
                return
        await self.app(scope, receive, send)


class _Guard:
    """What becomes of the requests.

    Gradio gets none as it came, but what is made here of what has been understood of it. A client
    is who sends a cookie that it was given; without one it can have no files.
    """

    def __init__(self, app: ASGIApp, config: dict[str, Any], files: ClientFiles) -> None:
        self.app, self.files = app, files
        kinds = {part['id']: part['type'] for part in config['components']}
        self.inputs = {call['id']: [kinds[part] for part in call['inputs']]
                       for call in config['dependencies']}
        self.numbers = {call['api_name']: call['id'] for call in config['dependencies']
                        if call['api_name']}
        self.uploads = asyncio.Semaphore(UPLOADS)

    async def page(self, request: Request) -> ASGIApp:
        """What the page consists of, and the answer to a call by name."""
        if not _PATH.fullmatch(request.url.path) or '..' in request.url.path:
            raise HTTPException(404)
        return self._gradio(request, new_client=request.url.path in ('/', '/config'))

    async def upload(self, request: Request) -> Response:
        """Take one file; answers with its path, as Gradio does."""
        client = _client(request)
        owner = client or secrets.token_urlsafe(32)
        limited = Request(request.scope, _limited(request, LARGEST_UPLOAD))
        if self.uploads.locked():
            raise HTTPException(503, 'too many files arrive just now: try again later')
        async with self.uploads:
            form = await _in_time(limited.form(max_files=1, max_fields=8))
            uploads = [part for part in form.values() if isinstance(part, UploadFile)]
            if not uploads:
                raise HTTPException(400, _UPLOAD)
            path = await asyncio.to_thread(self.files.add, owner, uploads[0].file)
            await form.close()
        return JSONResponse([path], headers={} if client else {'set-cookie': _cookie(owner)})

    async def progress(self, request: Request) -> Response:
        """The page asks for it, and is told that there is no more to come."""
        return Response('data: {"msg": "done"}\n\n', media_type='text/event-stream')

    async def file(self, request: Request) -> Response:
        path = self.files.find(_client(request), request.path_params['path'])
        try:
            with open(path or '', 'rb') as file:
                media = _MEDIA.get(image_suffix(file.read(16)))
        except FileNotFoundError:
            raise HTTPException(404) from None
        return FileResponse(path, media_type=media or 'application/octet-stream', headers={
            'cache-control': 'private', 'content-disposition': 'inline' if media else 'attachment'})

    async def call(self, request: Request) -> ASGIApp:
        """A call of one of the page's functions, by name or by number."""
        name = request.path_params.get('name')
        try:
            call = json.loads(await _body(request))
            data = call['data']
            number = call['fn_index'] if name is None else self.numbers.get(name)
            if name is not None and number is None:
                raise HTTPException(400, 'there is no such function, but there are: '
                                    + ', '.join(self.numbers))
            kinds = self.inputs[number]
            # The last ones may be left out, as callers do who know of fewer.
            if isinstance(data, list) and 0 < len(data) < len(kinds):
                data = data + [None] * (len(kinds) - len(data))
            if not isinstance(data, list) or len(data) != len(kinds):
                raise HTTPException(400, f'the function takes {len(kinds)} values: {_CALL_IT}')
            client = _client(request)
            made = dict(data=[self._value(*pair, client) for pair in zip(kinds, data)])
            if name is None:
                made.update(fn_index=number, session_hash=_session(client, call['session_hash']))
            # Not everything that JSON can say is text.
            body = json.dumps(made, ensure_ascii=False).encode()
        except (ValueError, KeyError, TypeError, RecursionError):
            raise HTTPException(400, _CALL_IT) from None
        return self._gradio(request, body)

    async def results(self, request: Request) -> ASGIApp:
        session = _session(_client(request), request.query_params.get('session_hash'))
        return self._gradio(request, query=f'session_hash={session}')

    def _value(self, kind: str, value: Any, client: str) -> Any:
        """A value that a function takes; the path of a file is None if it is not the client's."""
        files = ('image', 'file')
        if kind in files and isinstance(value, dict) and isinstance(value.get('path'), str):
            path = self.files.find(client, value['path'])
            if path is None and kind == 'file':  # Gradio knows none without a path
                raise HTTPException(400, 'the context was not uploaded from here, or more than an '
                                    'hour ago: choose its file once more')
            return dict(path=path, meta={'_type': 'gradio.FileData'})
        if value is None or isinstance(value, {'textbox': str, 'dataset': int}.get(kind, ())):
            return value
        expected = {**dict.fromkeys(files, 'a file that was uploaded, {"path": ...}'),
                    'textbox': 'a text'}
        raise HTTPException(400, f'the function takes {expected.get(kind, "a number")}, but got '
                            + type(value).__name__)

    def _gradio(self, request: Request, body: bytes = b'', query: str = '',
                new_client: bool = False) -> ASGIApp:
        """Gradio's answer to a request that is made up here."""
        client = _client(request)
        headers = [(name, value) for name, value in request.scope['headers']
                   if name.decode() in _PASSED_ON]
        headers += [(b'cookie', f'{CLIENT}={client}'.encode()),
                    (b'content-length', str(len(body)).encode())]
        keys = ('type', 'asgi', 'http_version', 'server', 'client', 'scheme', 'method', 'path',
                'raw_path', 'root_path', 'state')
        scope = {key: request.scope[key] for key in keys if key in request.scope}
        scope.update(headers=headers, query_string=query.encode())
        messages = iter([dict(type='http.request', body=body, more_body=False)])

        async def respond(_: Scope, receive: Receive, send: Send) -> None:
            async def received() -> Message:
                return next(messages, None) or await receive()

            async def sent(message: Message) -> None:
                if message['type'] == 'http.response.start' and new_client and not client:
                    MutableHeaders(scope=message).append(
                        'set-cookie', _cookie(secrets.token_urlsafe(32)))
                await send(message)

            await self.app(scope, received, sent)

        return respond


def _client(request: Request) -> str:
    """Who asks, '' if it is somebody without a cookie."""
    token = request.cookies.get(CLIENT, '')
    return token if _TOKEN.fullmatch(token) else ''


def _cookie(client: str) -> str:
    return f'{CLIENT}={client}; HttpOnly; Path=/; SameSite=Lax'


def _session(client: str, name: Any) -> str:
    """A session of Gradio's, which nobody but the client can name."""
    if not isinstance(name, str) or not _SESSION.fullmatch(name):
        raise HTTPException(400, 'session_hash must be a word of at most 64 letters')
    return hashlib.sha256(f'{client} {name}'.encode()).hexdigest()


def _limited(request: Request, most: int) -> Receive:
    """The body's parts, until they are too much."""
    size = 0

    async def receive() -> Message:
        nonlocal size
        message = await request.receive()
        size += len(message.get('body', b''))
        if size > most:
            raise HTTPException(413, f'more than {most >> 10} KiB were sent')
        return message

    return receive


async def _body(request: Request) -> bytes:
    return await _in_time(Request(request.scope, _limited(request, LARGEST_CALL)).body())


async def _in_time(reading: Any) -> Any:
    try:
        return await asyncio.wait_for(reading, SECONDS)
    except asyncio.TimeoutError:
        raise HTTPException(408, f'the request took more than {SECONDS} s to arrive') from None
