"""Serves the page."""
from __future__ import annotations

import socket
from typing import Any, Callable

import gradio as gr
import uvicorn
from fastapi import FastAPI

from .page import CSS, page_theme

__all__ = ['OwnOriginOnly', 'listen', 'serve']

# Browsers fetch nothing from anywhere else, whatever a version of Gradio puts into its page.
POLICY = ("default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
          "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
          "font-src 'self' data:; connect-src 'self' ws: wss: blob: data:; "
          "worker-src 'self' blob:; frame-ancestors 'self'")
LARGEST = '64mb'


class OwnOriginOnly:
    """ASGI middleware that forbids a page to load anything from other servers."""

    def __init__(self, app: Callable) -> None:
        self.app = app

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        async def send_with_policy(message: dict) -> None:
            if message['type'] == 'http.response.start':
                headers = [*message.get('headers', ()),
                           (b'content-security-policy', POLICY.encode())]
                message = {**message, 'headers': headers}
            await send(message)

        await self.app(scope, receive, send_with_policy if scope['type'] == 'http' else send)


def listen(host: str, port: int) -> socket.socket:
    """Take a port of an interface, 0 for any free one; an OSError if it cannot be had."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
        taken.listen()
    except OSError:
        taken.close()
        raise
    return taken


def serve(page: gr.Blocks, taken: socket.socket, tell: Callable[[str], Any]) -> None:
    """Serve a page at a port of :func:`listen` until the process is interrupted.

    ``tell`` is called with the address first: whoever asks early waits in the port's queue.
    """
    host, port = taken.getsockname()[:2]
    shown = f'[{host}]' if ':' in host else host
    app = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None), page, path='/', server_name=host,
        server_port=port, show_error=False, ssr_mode=False, max_file_size=LARGEST, pwa=False,
        theme=page_theme(), css=CSS, footer_links=[])
    app.add_middleware(OwnOriginOnly)
    tell(f'http://{shown}:{port}/')
    uvicorn.Server(uvicorn.Config(app, log_level='warning', timeout_graceful_shutdown=2)).run(
        sockets=[taken])
