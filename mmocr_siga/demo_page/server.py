"""Serves the page."""
from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Callable

import gradio as gr
import uvicorn
from fastapi import FastAPI

from .client_files import ClientFiles
from .guard import answers_to, guarded
from .page import CSS, page_theme

__all__ = ['listen', 'serve']

# Browsers fetch nothing from anywhere else, whatever a version of Gradio puts into its page.
POLICY = ("default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
          "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
          "font-src 'self' data:; connect-src 'self' ws: wss: blob: data:; "
          "worker-src 'self' blob:; frame-ancestors 'self'")
CONNECTIONS = 512  # at a time; more get "Service Unavailable"
WAITING = 32  # calls in the queue; more are told that it is full


def listen(host: str, port: int) -> socket.socket:
    """Take a port of an interface, 0 for any free one; an OSError if it cannot be had."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family)


def serve(page: gr.Blocks, files: ClientFiles, taken: socket.socket, tell: Callable[[str], Any],
          names: Iterable[str] = ()) -> None:
    """Serve a page at a port of :func:`listen` until the process is interrupted, which ends it.

    ``tell`` is called with the address first: whoever asks early waits in the port's queue.
    ``names`` are other names that the page answers to, see :func:`.guard.answers_to`.
    """
    host, port = taken.getsockname()[:2]
    shown = f'[{host}]' if ':' in host else host
    page.queue(max_size=WAITING)
    page.state_session_capacity = WAITING
    app = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None), page, path='/', server_name=host,
        server_port=port, show_error=False, ssr_mode=False, pwa=False, run_history=False,
        theme=page_theme(), css=CSS, footer_links=[])
    page.has_launched = True  # Gradio looks after the files that a call names only then

    @asynccontextmanager
    async def tidying(_: Any) -> AsyncIterator[None]:
        async with app.router.lifespan_context(app):
            task = asyncio.create_task(_tidy(files))
            yield
            task.cancel()

    guard = guarded(app, page.get_config_file(), files, answers_to(host, names), tidying)
    tell(f'http://{shown}:{port}/')
    config = uvicorn.Config(
        guard, log_level='error', limit_concurrency=CONNECTIONS, ws='none',
        headers=[('content-security-policy', POLICY), ('x-content-type-options', 'nosniff')])
    _Server(config, files).run(sockets=[taken])


async def _tidy(files: ClientFiles) -> None:
    while True:
        await asyncio.sleep(60)
        await asyncio.to_thread(files.tidy)


class _Server(uvicorn.Server):
    """Ends at once: nothing of what is going on has to be brought to an end."""

    def __init__(self, config: uvicorn.Config, files: ClientFiles) -> None:
        super().__init__(config)
        self.files = files

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.files.close()
        os._exit(128 + sig)
