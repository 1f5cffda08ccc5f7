"""Serve a dataset's light table: `python -m jobs.lighttable DATASET`. The token may come in DARKROOM_LIGHTTABLE_TOKEN."""

from __future__ import annotations

import argparse
import os
import secrets
import sys

import uvicorn

from common.errors import DarkroomError
from common.store import open_from_environment
from jobs.lighttable.app import build

TOKEN = "DARKROOM_LIGHTTABLE_TOKEN"  # noqa: S105 - the name of a variable
PORT = 8765
WARM_S = 3.0
"""So long the first visitor is not called yet; a store that is slower than that can be waited for in the browser."""


def main() -> int:
    """Serve until a signal comes; returns the exit code."""
    words = argparse.ArgumentParser(prog="darkroom lighttable", description="Show a dataset's pictures, results and runs in a browser.")
    words.add_argument("dataset")
    words.add_argument("--host", default="127.0.0.1", help="Which address to listen at (default: this machine only).")
    words.add_argument("--port", type=int, default=PORT, help=f"Which port (default: {PORT}; 0: any that is free).")
    given = words.parse_args()
    brought = os.environ.get(TOKEN, "")
    token = brought or secrets.token_urlsafe(24)
    try:
        app = build(open_from_environment(os.environ), given.dataset, token)
    except DarkroomError as error:
        print(f"darkroom: {error}", file=sys.stderr)
        return 3
    config = uvicorn.Config(app, host=given.host, port=given.port, log_level="warning", access_log=False, server_header=False)
    listening = config.bind_socket()
    listening.listen()  # who is told the address may come at once
    port = listening.getsockname()[1]
    app.state.warming.join(WARM_S)  # who comes at once need not wait for each picture's row
    shown = f"${TOKEN}" if brought else token  # a pod's log is read by others than those who may come in
    print(f"The light table of {given.dataset}: http://{given.host}:{port}/?token={shown}", flush=True)
    uvicorn.Server(config).run([listening])
    return 0


if __name__ == "__main__":
    sys.exit(main())
