"""bench-scrape: URLs to checked, hashed pictures in shards, against img2dataset 1.47 and against a bare loop on aiohttp.

All ask the same server on this machine for the same URLs: 64 addresses, 20 ms an answer, JPEGs of some 64 KB, no two alike.
It works on the same cores, and costs each the same. Ours are the harness's processes for `scrape/fetch`, one for each core, from
their first instruction to their last: robots.txt of each host, every address checked, every picture decoded in a child, shards
and index in a folder store. img2dataset runs with two processes of 32 threads and writes tars and sha256 as well; its
start and its imports are not in its time. The bare loop reads with 64 at once, and decodes and hashes in as many threads as
there are cores; it keeps nothing. All take turns; the best round of each counts.
"""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from common import artifact, records, shards
from common.artifact import Artifact
from common.records import Plan, canonical
from common.store.local import LocalStore
from jobs import harness
from jobs.scrape.fetching import shards_of
from jobs.scrape.sources import Offer, Reach, kind_named
from tests.bench.footprint import Footprint, watched
from tests.bench.gallery import HOSTS, url_of
from tests.bench.plans import plan_of
from tests.bench.rounds import alternate, best, seconds
from tests.bench.rows import Bench, Row, cores, emit, machine, more, say
from tests.cluster.certificates import Authority
from tests.support.rooms import commit, defaults, run_step

HTTPS_URLS, RESIZED_URLS, BARE_URLS, ROUNDS = 2048, 4096, 8192, 2
SIDE, PROCESSES, THREADS = 256, 2, 32
OURS, PEER, BARE = "scrape", f"img2dataset 1.47, {PROCESSES} x {THREADS} threads", "bare aiohttp loop"
MOST_S = 900
HERE = Path(__file__).parent

LIMITS = "Server, client and decoders share the cores; decoding a picture costs several times what fetching it does."


@dataclass(frozen=True)
class Web:
    """A server of pictures, and what a process must know to trust it."""

    folder: Path
    scheme: str
    port: int
    environment: Mapping[str, str]

    def urls(self, count: int) -> list[str]:
        return [url_of(number, self.port, self.scheme) for number in range(count)]


def main() -> None:
    rows = []
    with a_web("https") as web:
        say(f"scrape: {HTTPS_URLS} URLs by HTTPS")
        rows.append(against_img2dataset("https", web, HTTPS_URLS, 0, 10.0))
        rows.append(peak_memory(web, HTTPS_URLS))
        say(f"scrape: {BARE_URLS} URLs by HTTPS, and a bare loop")
        rows.append(against_bare(web, BARE_URLS))
    with a_web("http") as web:
        say(f"scrape: {RESIZED_URLS} URLs by HTTP, resized")
        rows.insert(1, against_img2dataset("http-resize", web, RESIZED_URLS, SIDE, 3.0))
    emit(Bench("scrape", machine(), tuple(rows)))


def against_img2dataset(what: str, web: Web, count: int, side: int, goal: float) -> Row:
    """Return the row of pictures a second."""
    contenders = {OURS: partial(ours, web, count, side), PEER: partial(img2dataset, web, count, side)}
    times = best(alternate(contenders, ROUNDS))
    how = f"resized to {side}" if side else "kept as they came"
    return more(f"{what}: {count} pictures {how}", count / times[OURS], count / times[PEER], PEER, "pictures/s", goal)


def against_bare(web: Web, count: int) -> Row:
    times = best(alternate({OURS: partial(ours, web, count, 0), BARE: partial(bare, web, count)}, ROUNDS))
    return more(f"bare: {count} pictures by HTTPS", count / times[OURS], count / times[BARE], BARE, "pictures/s", 0.8)


def peak_memory(web: Web, count: int) -> Row:
    """Return the row of what each holds at most with all of its processes, from a round whose time does not count."""
    what = f"memory: peak of all processes, {count} pictures by HTTPS"
    if not Path("/proc/self/smaps_rollup").exists():
        return Row(what, None, None, PEER, "MiB", None, "not applicable: this system does not tell what processes share")
    found = {}
    for name, contender in ((OURS, ours), (PEER, img2dataset)):
        footprint = Footprint()
        contender(web, count, 0, footprint)
        say(f"  {name}: {footprint.peak_mib:.0f} MiB")
        found[name] = footprint.peak_mib
    return Row(what, round(found[OURS]), round(found[PEER]), PEER, "MiB", round(found[PEER] / found[OURS], 2), 1.0)


def ours(web: Web, count: int, side: int, footprint: Footprint | None = None) -> float:
    """Return how long the processes of `scrape/fetch` take, one for each core as on any machine."""
    with tempfile.TemporaryDirectory(dir=web.folder) as folder:
        store = LocalStore(Path(folder, "store"))
        plan = make_plan(store, web.urls(count), Path(folder, "list.tsv"), side)
        store.put("plan.json", records.encode(plan))
        environment = {
            **web.environment,
            "DARKROOM_STORE": store.url,
            "DARKROOM_CONTACT": "bench@example.org",
            "DARKROOM_WEB_PORTS": str(web.port),
            "DARKROOM_WEB_NETWORKS": "127.0.0.0/8",
            harness.THREADS: "1",
        }
        command = [sys.executable, "-m", "jobs", "scrape", "--plan", "plan.json"]
        each = [(command, {**environment, harness.INDEX: str(index)}) for index in range(len(plan.tasks))]
        taken = seconds(lambda: finish(each, footprint))
        made = [artifact.find(store, plan.step, task.key) for task in plan.tasks]
        sides = [min(entry.width, entry.height) for one in made if one for entry in entries_of(Artifact(store, one))]
        assert len(sides) == count
        assert not side or set(sides) == {side}, "they were to be resized"
        return taken


def entries_of(fetched: Artifact) -> Iterator[shards.Entry]:
    """Yield what a fetched range's indexes say of its pictures."""
    for parts in shards_of(fetched):
        yield from shards.read_entries(fetched.read(parts[shards.INDEX]))


def make_plan(store: LocalStore, urls: Sequence[str], file: Path, side: int) -> Plan:
    """List the URLs as a submit does, and return the plan of fetching them, a task for each core."""
    file.write_text("".join(f"pictures\t{url}\n" for url in urls))
    kind = kind_named("urls")
    items = kind.open(Reach(str(file))).look(lambda *_: None).items
    listing = commit(store, "run/listing", {"listing.json": canonical(Offer(source=kind.name, items=items))})
    values = defaults(source=str(file), scrape_rangeUrls=-(-len(urls) // cores()), scrape_shortSide=side)
    listed = run_step(store, "scrape/list", {"listing": listing}, values)
    return plan_of("bench-scrape", "scrape/fetch", {"list": listed}, values)


def img2dataset(web: Web, count: int, side: int, footprint: Footprint | None = None) -> float:
    """Return how long img2dataset says that it takes."""
    with tempfile.TemporaryDirectory(dir=web.folder) as folder:
        urls, output = Path(folder, "urls.txt"), Path(folder, "output")
        urls.write_text("\n".join(web.urls(count)))
        settings = [str(one) for one in (urls, output, PROCESSES, THREADS, count // (2 * PROCESSES), side)]
        command = [img2dataset_python(), str(HERE / "peers/img2dataset_download.py"), *settings]
        (said,) = finish([(command, {**web.environment, "NO_ALBUMENTATIONS_UPDATE": "1"})], footprint)
        found = [json.loads(file.read_text())["successes"] for file in output.glob("*_stats.json")]
        assert sum(found) == count
        return float(said.splitlines()[-1])


def img2dataset_python() -> str:
    uv = Path(sys.executable).parent / "uv"
    made = subprocess.run(["tools/peer", uv, "img2dataset"], check=True, stdout=subprocess.PIPE, text=True, timeout=3600)
    return made.stdout.strip()


def bare(web: Web, count: int) -> float:
    """Return how long the bare loop's process takes."""
    urls = web.folder / "urls.txt"
    urls.write_text("\n".join(web.urls(count)))
    said: list[str] = []
    command = [sys.executable, "-m", "tests.bench.bare", str(urls), str(cores())]
    taken = seconds(lambda: said.extend(finish([(command, web.environment)])))
    assert said == [f"{count}\n"]
    return taken


def finish(commands: Sequence[tuple[Sequence[str], Mapping[str, str]]], footprint: Footprint | None = None) -> list[str]:
    """Run commands side by side to their good ends; return what each said on its standard output."""
    with contextlib.ExitStack() as stack:
        # Into files: nobody reads one's pipe while another is waited for.
        files = [[stack.enter_context(tempfile.TemporaryFile("w+")) for _ in ("out", "err")] for _ in commands]
        children = [
            stack.enter_context(subprocess.Popen(command, env={**os.environ, **environment}, stdout=out, stderr=err))
            for (command, environment), (out, err) in zip(commands, files, strict=True)
        ]
        if footprint is not None:
            stack.enter_context(watched(footprint, [child.pid for child in children]))
        codes = [child.wait(timeout=MOST_S) for child in children]
        said = [[_whole(file) for file in pair] for pair in files]
    assert not any(codes), said
    return [out for out, _ in said]


def _whole(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


@contextlib.contextmanager
def a_web(scheme: str) -> Iterator[Web]:
    """Yield a server of pictures; for https with a certificate from an authority that a bundle beside all usual ones names."""
    with tempfile.TemporaryDirectory() as temporary:
        folder, files, environment = Path(temporary), [], {}
        if scheme == "https":
            authority = Authority(folder / "authority")
            authority.create()
            addresses = [f"IP:127.0.0.{1 + number}" for number in range(HOSTS)]
            files = [str(one) for one in authority.sign("server", "/CN=pictures", *addresses)]
            bundle = folder / "authorities.pem"
            bundle.write_text("".join([*map(ssl.DER_cert_to_PEM_cert, _usual_authorities()), authority.certificate.read_text()]))
            environment["SSL_CERT_FILE"] = str(bundle)
        command = [sys.executable, "-m", "tests.bench.gallery", *files]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            yield Web(folder, scheme, int(server.stdout.readline()), environment)
            server.stdin.close()


def _usual_authorities() -> list[bytes]:
    return ssl.create_default_context().get_ca_certs(binary_form=True)


if __name__ == "__main__":
    main()
