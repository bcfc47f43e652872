"""Serves the page."""
from __future__ import annotations

import socket
from typing import Any, Callable

import gradio as gr
import uvicorn
from fastapi import FastAPI

from .page import CSS, page_theme

__all__ = ['listen', 'serve']

# Browsers fetch nothing from anywhere else, whatever a version of Gradio puts into its page.
POLICY = ("default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
          "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
          "font-src 'self' data:; connect-src 'self' ws: wss: blob: data:; "
          "worker-src 'self' blob:; frame-ancestors 'self'")
LARGEST = '64mb'


def listen(host: str, port: int) -> socket.socket:
    """Take a port of an interface, 0 for any free one; an OSError if it cannot be had."""
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    return socket.create_server((host, port), family=family)


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
    tell(f'http://{shown}:{port}/')
    config = uvicorn.Config(app, log_level='warning', timeout_graceful_shutdown=2,
                            headers=[('content-security-policy', POLICY)])
    uvicorn.Server(config).run(sockets=[taken])
