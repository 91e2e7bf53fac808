"""The link pages of a home on a real port, in a thread of the tests' process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from config.settings import Settings
from flows.links.application import application
from tests.support.mail import HOST


@contextmanager
def serving_links(own: Settings, public: str = "") -> Iterator[str]:
    """Serve the pages under `/me` of a free port, or of the home's own where that is given. Yields the address.

    `public`: the address of the pages behind a proxy, where there is one.
    """
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, own.links_port if own.links_url.startswith(f"http://{HOST}:") else 0))
        listener.listen(128)
        port = listener.getsockname()[1]
        own = own.model_copy(update={"links_url": public or f"http://{HOST}:{port}/me"})
        server = uvicorn.Server(uvicorn.Config(application(own), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.02)
        try:
            yield f"http://{HOST}:{port}"
        finally:
            server.should_exit = True
            thread.join(20)
