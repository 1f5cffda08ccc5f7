"""`python -m jobs.serve DATASET`: the model that serves answers over HTTP until it is told to end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
import uvicorn

from common.errors import DarkroomError
from common.store.open import open_from_environment
from jobs.serve.app import make_app
from jobs.serve.service import Service
from jobs.serve.settings import Settings, usable_cores

KEYS = "DARKROOM_SERVE_KEY"
LAST_WORDS_S = 0.2
"""How long connections that have said nothing yet may still say what they came for, once no more are taken."""
_DEFAULT = Settings(dataset="")


class Server(uvicorn.Server):
    """A server that, told to end, goes on answering for a while: whoever sends it requests has to hear of it first."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._drain)
        loop.add_signal_handler(signal.SIGINT, self._end)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for one in (one for server in getattr(self, "servers", ()) for one in server.sockets):
            host, port = one.getsockname()[:2]
            say(f"{self._service.settings.dataset} is served on http://{host}:{port}/")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the door before the connections, so that what is on its way in by then is read and answered, not reset."""
        for server in self.servers:
            server.close()
        await asyncio.sleep(LAST_WORDS_S)
        await super().shutdown(sockets)

    def _drain(self) -> None:
        if self._service.draining:
            return
        self._service.draining = True
        say(f"told to end: no longer ready, takes requests for {self._service.settings.linger_s:g} s more, then answers those inside")
        asyncio.get_running_loop().call_later(self._service.settings.linger_s, self._end)

    def _end(self) -> None:
        self.should_exit = True


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


@click.command(context_settings={"show_default": True, "auto_envvar_prefix": "DARKROOM_SERVE"})
@click.argument("dataset")
@click.option("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 lets other machines in.")
@click.option("--port", default=8000, type=click.IntRange(0, 65535), help="Port to listen on; 0: any that is free.")
@click.option("--wait", is_flag=True, help="Start even where no model serves yet, and wait for one.")
@click.option("--unknown-under", default=_DEFAULT.unknown_under, type=click.FloatRange(0, 1), help="Less probable is answered `unknown`.")
@click.option("--top", default=_DEFAULT.top, type=click.IntRange(1, 1000), help="Classes in an answer.")
@click.option("--workers", default=0, type=click.IntRange(0), help="Decoders, and calls of the network at once; 0: one a core.")
@click.option("--queue", default=_DEFAULT.queue, type=click.IntRange(1), help="Pictures inside at once; more are told 429.")
@click.option("--batch", default=_DEFAULT.batch, type=click.IntRange(1), help="Pictures in one call of the network at most.")
@click.option("--batch-wait-ms", default=1000 * _DEFAULT.batch_wait_s, type=click.FloatRange(0), help="How long one waits for others.")
@click.option("--poll-s", default=_DEFAULT.poll_s, type=click.FloatRange(0.05), help="How often to look whether another model serves.")
@click.option("--linger-s", default=_DEFAULT.linger_s, type=click.FloatRange(0), help="How long to take requests after SIGTERM.")
@click.option("--inbox", default=_DEFAULT.inbox, type=click.IntRange(0, 10_000), help="Uncertain pictures to keep for people; 0: none.")
@click.option("--inbox-under", default=_DEFAULT.inbox_under, type=click.FloatRange(0, 1), help="Less probable is uncertain.")
def main(dataset: str, host: str, port: int, *, wait: bool, workers: int, batch_wait_ms: float, **chosen: float) -> None:
    """Serve the model of DATASET from the store that DARKROOM_STORE names.

    DARKROOM_SERVE_KEY holds a key that requests must bring (several: commas between them). Every option may be given as
    DARKROOM_SERVE_NAME too.
    """
    keys = tuple(key.strip() for key in os.environ.get(KEYS, "").split(",") if key.strip())
    settings = Settings(
        dataset=dataset,
        workers=workers or usable_cores(),
        batch_wait_s=batch_wait_ms / 1000,
        keys=keys,
        **chosen,  # type: ignore[arg-type]
    )
    try:
        service = Service(open_from_environment(os.environ), settings, say)
        service.load(wait=wait)
    except DarkroomError as error:
        say(f"{dataset} cannot be served: {error} `make submit DATASET={dataset}` makes a model; --wait waits for one.")
        sys.exit(3)
    config = uvicorn.Config(
        make_app(service), host, port, log_level="warning", access_log=False, server_header=False, http="httptools", ws="none",
        timeout_keep_alive=75, h11_max_incomplete_event_size=64 << 10,
    )  # fmt: skip
    asyncio.run(Server(config, service).serve())


if __name__ == "__main__":
    main()
