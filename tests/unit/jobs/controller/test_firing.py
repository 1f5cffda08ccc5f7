"""A firing: which run it makes, when it yields, and that whatever kills its driver, it makes one run."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from common import records
from common.errors import BadInput, DarkroomError, ExitCode, NewerSchema, StoreUnavailable
from common.records import Asked, Driver, State
from common.store import Object, Store
from common.store.faults import Call, FaultyStore, When
from common.store.memory import MemoryStore
from jobs.controller import ending, firing, graph, remote, runs, schedule, settings, submission
from jobs.controller.firing import Occasion, Rival, decide
from jobs.controller.render import DRIVER_LABELS, RUN, STAGE, driver_name
from tests.support import whole
from tests.support.namespace import Namespace

JOB = "darkroom-mine-29400000"
PLANNED = "2026-11-24T04:00:00+01:00"
SETTINGS = ("scrape.counts={dotted: 6, striped: 6}", *whole.SMALL)


def scheduled(store: Store, source: str = "rendered", sets: Sequence[str] = SETTINGS) -> Namespace:
    """Return a namespace in which `mine` is scheduled and has fired once."""
    namespace = Namespace()
    timing = schedule.read_timing("0 4 * * *", "Europe/Madrid", "6h", "1h")
    schedule.put(namespace, remote.read_site(namespace), store, "mine", source, sets, 1, timing)
    fire(namespace)
    return namespace


def fire(namespace: Namespace, job: str = JOB, planned: str = PLANNED) -> None:
    annotations = {firing.PLANNED: planned} if planned else {}
    namespace.add_job(job)["metadata"] |= {"annotations": annotations, "labels": dict(DRIVER_LABELS)}


def occasion(namespace: Namespace, store: Store, job: str = JOB) -> Occasion:
    made = firing.occasion(namespace, store, "mine", namespace.read_job(job))
    return Occasion(made.api, made.store, made.run, made.dataset, made.job, made.planned, pause=no_pause)


def no_pause(_: float) -> None:
    """Nobody makes a Job meanwhile."""


def runs_of(store: Store) -> list[str]:
    return [name for _, name in runs.names(store, "mine")]


def made_by_submit(store: MemoryStore, host: str, namespace: str = "n") -> str:
    """Write a run that somebody is said to drive."""
    prepared = submission.prepare(store, graph.load(), "mine", settings.read(graph.load(), "mine", whole.SMALL, "digits"))
    run = submission.create(store, prepared, 1, namespace).run
    driver = Driver(host=host.format(run=run), pid=0, started="") if host else None
    state = State(state=runs.RUNNING, driver=driver, started="", writer="w")
    store.put(runs.state_key(run), records.encode(state))
    return run


def condition(store: Store, run: str) -> tuple[str, str]:
    state = runs.read_state(store, run)
    assert state is not None
    return state.state, state.reason


def words(store: Store) -> list[tuple[str, str]]:
    return [(one.run, one.reason) for one in firing.read_firings(store, "mine")]


# --- its name -----------------------------------------------------------------------------------


def test_a_firing_is_named_by_its_planned_time_in_utc_and_its_job(memory: MemoryStore) -> None:
    namespace = scheduled(memory)
    one = occasion(namespace, memory)
    assert one.planned.isoformat() == "2026-11-24T03:00:00+00:00"
    assert one.run.startswith("mine-20261124-030000-")
    assert occasion(namespace, memory) == one
    for other in ("by-hand-1", "by-hand-2"):
        fire(namespace, other, planned="")
    by_hand = [occasion(namespace, memory, job) for job in ("by-hand-1", "by-hand-2")]
    assert {two.planned.isoformat() for two in by_hand} == {"2026-11-24T03:00:07+00:00"}
    assert len({two.run for two in by_hand}) == 2
    assert (
        firing.occasion(namespace, memory, "x" * 62, namespace.read_job(JOB)).run
        != firing.occasion(namespace, memory, "x" * 63, namespace.read_job(JOB)).run
    )


# --- the decision -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rivals", "expected"),
    [
        ([], ("", [])),
        ([Rival("a", "")], ("a", [])),
        ([Rival("a", "gone")], ("", [Rival("a", "gone")])),
        ([Rival("a", "gone"), Rival("b", "")], ("b", [Rival("a", "gone")])),
    ],
)
def test_a_firing_yields_to_a_run_that_lives(rivals: list[Rival], expected: tuple[str, list[Rival]]) -> None:
    assert decide(rivals) == expected


def test_a_firing_makes_its_run_from_the_frozen_settings(memory: MemoryStore) -> None:
    one = occasion(scheduled(memory), memory)
    assert one.begin()
    known = runs.read(memory, one.run)
    assert (known.run.trigger, known.run.settings["scrape.counts"]) == (
        "schedule, planned for 2026-11-24T03:00:00+00:00",
        {"dotted": 6, "striped": 6},
    )
    assert known.state is not None
    assert known.state.driver == Driver(host=JOB, pid=0, started="")
    assert (runs_of(memory), words(memory)) == ([one.run], [(one.run, "")])
    assert one.api.read_job(JOB)["metadata"]["labels"][RUN] == one.run


def test_a_firing_asks_the_web_again_and_each_of_its_pods_the_same(memory: MemoryStore) -> None:
    namespace = scheduled(memory, "openverse", ("scrape.queries={dotted: [dotted shirt], striped: [striped shirt]}",))
    assert occasion(namespace, memory).begin()
    run = runs.read(memory, occasion(namespace, memory).run).run
    assert run.asked == Asked(time="2026-11-24T03:00:00+00:00", listing=True)
    assert run.frozen["asked"] is not None
    assert "asked" not in runs.read(memory, made_by_submit(memory, "host")).run.frozen


def test_a_firing_yields_to_a_run_that_a_living_job_drives_and_says_so(
    memory: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    namespace = scheduled(memory)
    other = made_by_submit(memory, "{run}-driver")
    namespace.add_job(driver_name(other))
    place = tmp_path / "last words"
    one = firing.occasion(namespace, memory, "mine", namespace.read_job(JOB), str(place))
    assert not one.begin()
    said = f"There is no run of mine this time: {other} is still running."
    assert (capsys.readouterr().out, place.read_text()) == (f"{said}\n", said)
    assert (runs_of(memory), words(memory)) == ([other], [("", f"{other} is still running.")])
    namespace.end_job(driver_name(other))
    assert not occasion(namespace, memory).begin()  # another pod of the same Job keeps to it
    assert runs_of(memory) == [other]


@pytest.mark.parametrize(
    ("ended", "reason"), [("", "Its driver is gone."), ("Complete", "Its driver has ended."), ("Failed", "It did not end by its deadline.")]
)
def test_a_run_whose_driver_is_gone_is_ended_and_does_not_hinder(memory: MemoryStore, ended: str, reason: str) -> None:
    namespace = scheduled(memory)
    other = made_by_submit(memory, "{run}-driver")
    if ended:
        namespace.add_job(driver_name(other))
        namespace.end_job(driver_name(other), ended, "DeadlineExceeded")
    namespace.add_job("left")["metadata"]["labels"] = {RUN: other, STAGE: "train"}
    assert occasion(namespace, memory).begin()
    assert condition(memory, other) == (runs.FAILED, reason)
    assert "left" not in namespace.jobs


def test_a_run_that_was_found_without_a_driver_is_ended(memory: MemoryStore) -> None:
    other = made_by_submit(memory, "")
    assert occasion(scheduled(memory), memory).begin()
    assert condition(memory, other) == (runs.FAILED, "Its driver is gone.")


@pytest.mark.parametrize("namespace", ["", "another"])
def test_a_run_on_a_person_s_machine_or_in_another_namespace_is_left_alone(memory: MemoryStore, namespace: str) -> None:
    other = made_by_submit(memory, "somebody-s-laptop", namespace)
    assert occasion(scheduled(memory), memory).begin()
    assert condition(memory, other)[0] == runs.RUNNING


def test_a_firing_yields_to_an_earlier_one_while_that_one_s_job_has_not_ended(memory: MemoryStore) -> None:
    namespace = scheduled(memory)
    first = occasion(namespace, memory)
    assert first.begin()
    fire(namespace, "second", planned="")
    assert not occasion(namespace, memory, "second").begin()
    assert words(memory)[-1] == ("", f"the firing {JOB} has the turn.")
    namespace.end_job(JOB, "Failed", "DeadlineExceeded")
    fire(namespace, "third", planned="")
    third = occasion(namespace, memory, "third")
    assert third.begin()
    assert condition(memory, first.run) == (runs.FAILED, "It did not end by its deadline.")
    assert runs_of(memory) == [first.run, third.run]


def test_of_many_firings_at_once_one_makes_a_run(memory: MemoryStore) -> None:
    namespace = scheduled(memory)
    jobs = [f"by-hand-{number}" for number in range(8)]
    for job in jobs:
        fire(namespace, job, planned="")
    with ThreadPoolExecutor(8) as pool:
        began = list(pool.map(lambda job: occasion(namespace, memory, job).begin(), jobs))
    assert (sum(began), len(runs_of(memory)), len(words(memory))) == (1, 1, 8)


def test_a_damaged_run_or_turn_does_not_hinder(memory: MemoryStore) -> None:
    namespace = scheduled(memory)
    other = made_by_submit(memory, "{run}-driver")
    for key in (runs.state_key(other), firing.turn_key("mine")):
        memory.put(key, b"rubbish")
    assert occasion(namespace, memory).begin()


def test_old_words_go(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firing, "KEPT", 2)
    for number in range(4):
        memory.put(f"{firing.firings_prefix('mine')}2026010{number}", b"")
    occasion(scheduled(memory), memory).begin()
    assert len(list(memory.list(firing.firings_prefix("mine")))) == 2


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_source_that_is_refused_makes_no_run_and_the_reason_is_kept(memory: MemoryStore, folder: Path) -> None:
    namespace = scheduled(memory)
    frozen = firing.read_schedule(memory, "mine")
    wrong = {**frozen.settings, "source": str(folder / "nowhere")}
    memory.put(firing.schedule_key("mine"), records.encode(msgspec.structs.replace(frozen, settings=wrong)))
    assert work(namespace, memory) == ExitCode.FINAL
    assert (runs_of(memory), len(words(memory))) == ([], 1)
    assert "nowhere" in words(memory)[0][1]


def test_a_store_that_does_not_answer_now_is_asked_again_by_the_next_pod(memory: MemoryStore) -> None:
    namespace = scheduled(memory)

    def script(call: Call, when: When) -> None:
        if call.key.startswith("probe/"):
            raise StoreUnavailable("not now")

    with pytest.raises(StoreUnavailable, match="not now"):
        occasion(namespace, FaultyStore(without_probe(memory), script)).begin()
    assert words(memory) == []
    assert occasion(namespace, memory).begin()


def without_probe(store: MemoryStore) -> MemoryStore:
    for one in list(store.list("probe/")):
        store.delete(one.key)
    return store


@pytest.mark.parametrize("place", [firing.schedule_key("mine"), firing.turn_key("mine")])
def test_a_newer_schema_says_upgrade_and_makes_no_run(memory: MemoryStore, place: str) -> None:
    namespace = scheduled(memory)
    newer = b'{"schema":"schedule/2"}' if "schedule" in place else b'{"schema":"turn/2"}'
    memory.put(place, sealed(newer))
    with pytest.raises(NewerSchema, match="Upgrade"):
        occasion(namespace, memory).begin()
    assert work(namespace, memory) == ExitCode.FINAL
    assert runs_of(memory) == []
    assert "Upgrade" in words(memory)[0][1]


def sealed(body: bytes) -> bytes:
    return body[:-1] + b',"sum":"' + sha256(body).hexdigest().encode() + b'"}\n'


def work(namespace: Namespace, store: Store) -> int:
    """Be the driver as far as its errors go."""
    try:
        return remote._work(occasion(namespace, store), namespace.read_job(JOB))
    except DarkroomError as error:
        return error.exit_code


def test_an_error_for_good_ends_the_run_that_is_there(memory: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    namespace = scheduled(memory)

    def drive(*_: object) -> None:
        raise BadInput("it is hopeless")

    monkeypatch.setattr(remote, "_drive", drive)
    assert work(namespace, memory) == ExitCode.FINAL
    (run,) = runs_of(memory)
    assert condition(memory, run) == (runs.FAILED, "it is hopeless")


@pytest.mark.parametrize("overdue", [True, False])
@pytest.mark.parametrize("in_time", [True, False])
def test_a_driver_that_is_asked_to_go_ends_its_run_only_if_it_is_overdue(
    memory: MemoryStore, monkeypatch: pytest.MonkeyPatch, overdue: bool, in_time: bool
) -> None:
    """In time: for the run to exist already."""
    namespace = scheduled(memory)

    def terminated(*_: object) -> None:
        raise ending.Terminated

    monkeypatch.setattr(remote, "_drive", terminated)
    if not in_time:
        monkeypatch.setattr(Occasion, "begin", terminated)
    if overdue:
        namespace.end_job(JOB, "FailureTarget", "DeadlineExceeded")
    else:
        namespace.jobs[JOB]["spec"] = {}
    assert work(namespace, memory) == ExitCode.RETRY
    reason = "It did not end by its deadline." if overdue else ""
    if in_time:
        (run,) = runs_of(memory)
        assert condition(memory, run) == (runs.FAILED if overdue else runs.RUNNING, reason)
    else:
        assert (runs_of(memory), words(memory)) == ([], [("", reason)] if overdue else [])


# --- killed anywhere ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained() -> dict[str, Object]:
    """A store in which the schedule's settings have been run to their end, so that a firing finds everything."""
    store = MemoryStore()
    whole.submit(store, "rendered", SETTINGS)
    return store.snapshot()


@pytest.fixture
def in_the_pod(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv(runs.DRIVER, JOB)
    return {runs.DRIVER: JOB}


def test_a_driver_killed_at_any_call_is_followed_by_one_that_ends_the_same_run(
    trained: dict[str, Object], in_the_pod: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a kill leaves behind is the store as it was after the last write; so from each such state another pod goes on."""
    inner = MemoryStore(trained)
    namespace = scheduled(inner)
    monkeypatch.setattr(remote, "connect", lambda: namespace)
    (before,) = runs_of(inner)
    own = occasion(namespace, inner).run
    states: list[dict[str, Object]] = []

    def note(call: Call, when: When) -> None:
        if not states or states[-1] != inner.snapshot():
            states.append(inner.snapshot())

    assert firing.drive(FaultyStore(inner, note), "mine", in_the_pod) == ExitCode.DONE
    assert len(states) > 15
    for state in states:
        store = MemoryStore(state)
        assert firing.drive(store, "mine", in_the_pod) == ExitCode.DONE
        assert set(runs_of(store)) == {before, own}
        assert condition(store, own) == (runs.DONE, "nothing changed: this model serves already")
        assert words(store) == [(own, "")]
        assert set(namespace.jobs) == {JOB}
