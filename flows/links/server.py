"""The link pages on a loopback port of their own, behind the reverse proxy: `python -m flows.links.server`."""

import sys

import uvicorn

from config.settings import settings
from flows.engine.errors import PortInUse
from flows.engine.processes import tell
from flows.engine.server import EXIT_PORT_IN_USE, bind
from flows.links.application import application


def main() -> int:
    """Serve until SIGTERM. Exit status 98 when the port is taken."""
    own = settings()
    try:
        listener = bind(own.links_port)
    except PortInUse as problem:
        tell(problem)
        return EXIT_PORT_IN_USE
    # The proxy on this host says whose request it is; addresses in links are no part of any log.
    options = uvicorn.Config(
        application(own), log_level="warning", access_log=False, forwarded_allow_ips="127.0.0.1", server_header=False
    )
    uvicorn.Server(options).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
