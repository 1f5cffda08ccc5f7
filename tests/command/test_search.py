"""The whole command on what searches find: they answer as documented, and the pictures are beside them, on one machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from common import artifact
from common.dataset import Row, rows_of
from common.parameters import Values
from common.store import open_store
from jobs.controller import runs
from jobs.scrape.sources import fabrics
from tests.support import command, providers, whole
from tests.support.providers import Answer, Replay, throttled

LABELS = ("dotted", "leopard", "striped")
PHRASES = 21
QUICK = command.sets(whole.ONE_SHARD)


def picture(path: str) -> bytes | None:
    """Draw what a search found for a phrase: each phrase's pictures are others; two of a hundred are not there any more."""
    phrase, _, name = path.partition("/")
    garment, label = phrase.rsplit("-", 1)
    number = int(name.removesuffix(".jpg"))
    if number % 50 == 49:
        return None
    items = fabrics.items({label: number + 1}, seed=sum(garment.encode()))
    return fabrics.RenderedSource(Values({})).fetch(items[number])


def site(base: str) -> dict[str, str]:
    port = base.rpartition(":")[2]
    return {
        "DARKROOM_OPENVERSE_URL": base + providers.OPENVERSE,
        "DARKROOM_WIKIMEDIA_URL": base + providers.WIKIMEDIA,
        "DARKROOM_BRAVE_URL": base + providers.BRAVE,
        "DARKROOM_WEB_PORTS": port,
        "DARKROOM_WEB_NETWORKS": "127.0.0.0/8",
        "DARKROOM_CONTACT": "ana@example.org",
    }


def submit(store: Path, base: str, *words: str, code: int = 0, **more: str) -> dict[str, Any]:
    done = command.run(store, "submit", *words, "--json", timeout_s=500, more={**site(base), **more})
    assert done.returncode == code, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def rows(store: Path, document: dict[str, Any]) -> list[Row]:
    opened = open_store(str(store))
    ref = runs.read(opened, document["run"]).records["scrape/snapshot"].ref
    assert ref is not None
    return rows_of(artifact.read_ref(opened, ref))


def test_the_demo_runs_on_what_openverse_finds(tmp_path: Path) -> None:
    replay = Replay(held=lambda _: 12)
    with providers.serve(replay, picture) as base:
        document = submit(tmp_path, base, "fashionTexture", "--source", "openverse", "--set", "scrape.imagesPerPhrase=10")
    assert len(replay.urls) == PHRASES
    assert document["source"] == "pictures from the web, found by Openverse"
    found = rows(tmp_path, document)
    assert {label: sum(row.label == label for row in found) for label in LABELS} == dict.fromkeys(LABELS, 70)
    assert {row.licence for row in found} == {"by-sa 4.0"}
    assert document["metrics"]["test"]["accuracy"]["value"] > 0.7


def test_a_quota_that_ends_leaves_a_warning_and_a_refresh_goes_on(tmp_path: Path) -> None:
    def before(number: int, _: str) -> Answer | None:
        return throttled(40_000) if ended and number > 2 else None

    ended, replay = True, Replay(held=lambda _: 12, before=before)
    small = ("mine", "--source", "openverse", "--set", "scrape.queries={dotted: [shirt dotted, vest dotted], striped: [shirt striped]}")
    with providers.serve(replay, picture) as base:
        document = submit(tmp_path, base, *small, *QUICK)
        (warning,) = [one for one in document["warnings"] if "quota" in one]
        assert warning.startswith("Openverse's quota is used up; 1 of 3 phrases were not asked to the end. Go on after 20")
        assert len(rows(tmp_path, document)) == 24
        ended = False
        document = submit(tmp_path, base, *small, *QUICK, "--refresh")
        assert (len(rows(tmp_path, document)), [one for one in document["warnings"] if "quota" in one]) == (36, [])


def test_a_key_is_nowhere_in_the_store_nor_in_what_is_said(tmp_path: Path) -> None:
    words = ("submit", "mine", "--source", "brave", "--set", "scrape.queries={dotted: shirt dotted, striped: shirt striped}", *QUICK)
    wrong = "BSA-another-key-that-is-a-secret"
    with providers.serve(Replay(held=lambda _: 12), picture) as base:
        refused = command.run(tmp_path, *words, timeout_s=200, more={**site(base), "DARKROOM_BRAVE_KEY": wrong})
        done = command.run(tmp_path, *words, timeout_s=500, more={**site(base), "DARKROOM_BRAVE_KEY": providers.KEY})
        lacking = command.run(tmp_path / "other", *words, timeout_s=200, more=site(base))
    assert (refused.returncode, done.returncode, lacking.returncode) == (1, 0, 1), refused.stderr + done.stderr + lacking.stderr
    assert "does not take the key in DARKROOM_BRAVE_KEY (HTTP 422, SUBSCRIPTION_TOKEN_INVALID)" in refused.stdout + refused.stderr
    assert "put it into DARKROOM_BRAVE_KEY" in lacking.stdout + lacking.stderr
    said = f"{refused.stdout}{refused.stderr}{done.stdout}{done.stderr}".encode()
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (wrong.encode(), providers.KEY.encode()):
        assert secret not in said
        assert secret not in stored
