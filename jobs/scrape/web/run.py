"""One call of `fetch`: which request is next, what follows from each outcome, and one reply for each.

Hosts that have something to do and room for it stand in a ring, so that requests spread over them.
A request keeps its place on one host at a time, also across redirects. All of it happens in the
event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from yarl import URL

from jobs.scrape.web import bodies, wishes
from jobs.scrape.web.client import MOVED, Client
from jobs.scrape.web.exchange import FetchLimits, Reply, Request
from jobs.scrape.web.failures import Failed, http_failure
from jobs.scrape.web.hosts import Host, Hosts, Window
from jobs.scrape.web.outbox import Outbox
from jobs.scrape.web.robots import Robots

TOO_MUCH = frozenset({429, 503})
TICK_S = 0.001  # timers may be early by less


@dataclass(eq=False, slots=True)
class Job:
    """A request on its way.

    `host` is where it has its place, `heard` whether that answered; `clock` is what ends it, `left_s` of its deadline is for more attempts.
    """

    request: Request
    url: URL
    host: Host[Job]
    left_s: float
    at: URL
    tried: int = 0
    status: int = 0
    held: int = 0
    probes: bool = False
    heard: bool = False
    clock: asyncio.Timeout = field(init=False)


@dataclass(frozen=True)
class Web:
    """What lasts from one call to the next. `total` is how many requests are under way at once, in all."""

    client: Client
    robots: Robots
    hosts: Hosts[Job]
    limits: FetchLimits
    total: Window


class Run:
    """One call of `fetch` in the event loop."""

    def __init__(self, web: Web, outbox: Outbox) -> None:
        self._web = web
        self._limits = web.limits
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()
        # Hosts of which it is known that they answer, and those of which it is not: dead ones must not hold up the others.
        self._alive: deque[Host[Job]] = deque()
        self._unknown: deque[Host[Job]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._busy = self._probing = self._left = 0
        self._readers: dict[Job, None] = {}
        self._held = 0
        self._paused: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def start(self, targets: Iterable[tuple[Request, URL]]) -> None:
        """Begin with requests whose URLs were checked."""
        for request, url in targets:
            host = self._web.hosts.of(url.raw_host or "", url.port or 0)
            host.pending.append(Job(request, url, host, self._limits.deadline_s, url))
            self._left += 1
            self._offer(host)
        self._end_if_done()
        self._dispatch()

    async def close(self) -> None:
        """End whatever is under way, and leave nothing behind."""
        self._closed = True
        for timer in self._timers:
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for host in self._web.hosts:
            host.pending.clear()
            host.listed = False

    def on_room(self) -> None:
        """Go on where it was stopped because too much waited to be taken."""
        self._wake_readers()
        self._dispatch()

    # Which is next

    def _offer(self, host: Host[Job]) -> None:
        """Put a host into the ring if it has something to do and room for it."""
        if not host.listed and self._may_begin(host):
            host.listed = True
            (self._alive if host.alive else self._unknown).append(host)

    def _may_begin(self, host: Host[Job]) -> bool:
        return bool(host.pending) and host.has_room() and host.paused_until - self._loop.time() < TICK_S

    def _dispatch(self) -> None:
        """Begin what may be begun: on each ring at most as many as the total allows, and nothing while too much waits to be taken."""
        while self._alive and self._busy < int(self._web.total.size) and self._has_room():
            self._next_of(self._alive)
        while self._unknown and self._probing < int(self._web.total.size) and self._has_room():
            self._next_of(self._unknown)

    def _has_room(self) -> bool:
        return not self._closed and self._outbox.waiting + self._held < self._limits.enough_bytes

    def _next_of(self, ring: deque[Host[Job]]) -> None:
        """Take the next host of a ring, begin one of its requests, and put it back at the end."""
        host = ring.popleft()
        host.listed = False
        if failed := host.aside(self._loop.time()):
            self._flush(host, failed)
        elif self._may_begin(host):
            self._begin(host.pending.popleft())
            self._offer(host)

    def _begin(self, job: Job) -> None:
        job.probes = not job.host.alive
        self._count(job, 1)
        job.host.busy += 1
        task = self._loop.create_task(self._work(job))
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Forget a task; one that ended by a mistake of ours ends the call of `fetch`."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._outbox.end(error)

    def _count(self, job: Job, change: int) -> None:
        if job.probes:
            self._probing += change
        else:
            self._busy += change

    def _leave(self, host: Host[Job]) -> None:
        """Give up a place on a host, to who came there by a redirect first."""
        host.busy -= 1
        for _ in range(max(0, int(host.window.size) - host.busy)):
            while host.waiters and host.waiters[0].done():
                host.waiters.popleft()
            if host.waiters:
                host.waiters.popleft().set_result(None)
        self._offer(host)

    def _later(self, seconds: float, host: Host[Job], job: Job | None = None) -> None:
        """Offer a host again after a pause, with a request that goes back to it."""

        def come_back() -> None:
            self._timers.discard(timer)
            if job:
                job.host = host
                host.pending.appendleft(job)
            self._offer(host)
            self._dispatch()

        timer = self._loop.call_later(seconds, come_back)
        self._timers.add(timer)

    # One request

    async def _work(self, job: Job) -> None:
        started = self._loop.time()
        try:
            data = await self._within_deadline(job)
        except Failed as failed:
            self._failed(job, failed, started)
        else:
            job.host.answered()
            job.host.window.grow()
            if not self._outbox.waiting:  # else nobody waits for want of connections
                self._web.total.grow()
            self._reply(job, data)
        finally:
            self._let_go(job)
            self._count(job, -1)
            self._leave(job.host)
            self._dispatch()

    async def _within_deadline(self, job: Job) -> bytes:
        job.status, job.at, job.heard = 0, job.url, False
        try:
            async with asyncio.timeout(job.left_s) as job.clock:
                return await self._hops(job)
        except TimeoutError:
            raise Failed(f"no complete answer within {self._limits.deadline_s:g} s", heals=True, silent=True) from None
        finally:
            job.left_s = max(0.0, (job.clock.when() or 0.0) - self._loop.time())

    async def _hops(self, job: Job) -> bytes:
        """Follow a URL to its picture; every hop is judged as the first one was."""
        for _ in range(self._limits.redirects + 1):
            await self._web.robots.check(job.at)
            response = await self._web.client.get(job.at)
            try:
                job.heard = job.host.alive = True
                job.status = response.status
                if response.status in MOVED and (location := response.headers.get("Location")):
                    onward = self._web.client.follow(job.at, location)
                    await bodies.drain(response)
                elif response.status != 200:
                    await bodies.drain(response)
                    raise http_failure(response)
                elif why := wishes.refusal(response.headers):
                    raise Failed(why)
                else:
                    data = await bodies.read(response, self._limits.max_bytes, lambda size: self._grow(job, size))
                    _check_digest(data, job.request.sha256)
                    return data
            finally:
                response.release()
            await self._move(job, onward)
        raise Failed(f"more than {self._limits.redirects} redirects")

    async def _move(self, job: Job, url: URL) -> None:
        """Give up the place on one host for one on that of `url`. Raises Failed if that is set aside."""
        job.at = url
        host = self._web.hosts.of(url.raw_host or "", url.port or 0)
        if host is job.host:
            return
        job.host.answered()
        self._leave(job.host)
        job.host, job.heard = host, False
        host.busy += 1
        if failed := host.aside(self._loop.time()):
            raise failed.retold()
        async with self._stopped(job):
            while host.busy > max(1, int(host.window.size)):
                waiter = self._loop.create_future()
                host.waiters.append(waiter)
                host.busy -= 1
                try:
                    await waiter
                finally:
                    host.busy += 1

    @asynccontextmanager
    async def _stopped(self, job: Job) -> AsyncIterator[None]:
        """Stop a request's clock: it waits for us, and not for a server."""
        left_s = (job.clock.when() or 0.0) - self._loop.time()
        job.clock.reschedule(None)
        try:
            yield
        finally:
            job.clock.reschedule(self._loop.time() + left_s)

    # What follows

    def _failed(self, job: Job, failed: Failed, started: float) -> None:
        now = self._loop.time()
        job.status = failed.status or job.status
        host = job.host
        if failed.silent:
            if host.alive:
                self._web.total.cut(started, now)
            host.was_silent(failed, now)
        else:
            if job.heard:
                host.answered()
            if failed.status in TOO_MUCH:
                host.window.cut(started, now)
            elif not failed.again:
                host.window.grow()
        job.tried += 1
        pause_s = self._limits.pause_s(job.tried, failed.pause_s)
        if failed.pause_s is not None and pause_s > self._limits.longest_pause_s:
            host.set_aside(failed, now, min(pause_s, self._limits.aside_s))
        elif failed.pause_s:
            host.paused_until = max(host.paused_until, now + pause_s)
            self._later(pause_s, host)
        if why := host.aside(now):
            self._flush(host, why)
        elif failed.again and job.tried <= self._limits.retries and job.left_s > 0:
            self._later(pause_s, self._home(job), job)
            return
        self._reply(job, b"", failed)

    def _home(self, job: Job) -> Host[Job]:
        """Return the host of a request's own URL, to which it goes back for another attempt."""
        return self._web.hosts.of(job.url.raw_host or "", job.url.port or 0)

    def _flush(self, host: Host[Job], failed: Failed) -> None:
        """Fail all that waits for a host that is set aside."""
        while host.pending:
            self._reply(host.pending.popleft(), b"", failed)

    def _reply(self, job: Job, data: bytes, failed: Failed | None = None) -> None:
        self._outbox.put(reply(job.request, data, failed, job.status, str(job.at)))
        self._left -= 1
        self._end_if_done()

    def _end_if_done(self) -> None:
        if not self._left:
            self._outbox.end()

    # Bytes that are read and not taken yet

    async def _grow(self, job: Job, size: int) -> None:
        """Note bytes that were read; wait while there are too many, unless this is the oldest reader and the way out is free."""
        job.held += size
        self._held += size
        self._readers[job] = None
        if self._outbox.waiting + self._held <= self._limits.waiting_bytes:
            return
        async with self._stopped(job):
            while not self._may_read(job):
                waiter = self._loop.create_future()
                self._paused.append(waiter)
                await waiter

    def _may_read(self, job: Job) -> bool:
        most = self._limits.waiting_bytes
        if self._outbox.waiting + self._held <= most:
            return True
        return self._outbox.waiting < most and next(iter(self._readers)) is job

    def _let_go(self, job: Job) -> None:
        if job in self._readers:
            del self._readers[job]
            self._held -= job.held
            job.held = 0
            self._wake_readers()

    def _wake_readers(self) -> None:
        while self._paused:
            waiter = self._paused.popleft()
            if not waiter.done():
                waiter.set_result(None)


def reply(request: Request, data: bytes, failed: Failed | None, status: int, url: str) -> Reply:
    """Return the reply to a request, of now."""
    return Reply(
        token=request.token,
        data=data,
        reason=failed.reason if failed else "",
        heals=failed.heals if failed else False,
        status=status,
        url=url,
        fetched=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _check_digest(data: bytes, expected: str) -> None:
    if expected and sha256(data).hexdigest() != expected:
        raise Failed("its bytes are not the ones that were given: another sha256")
