"""Runs one step in a pod or process; everything around the work that is the same for all stages.

Two processes: the *worker* reads the plan, checks the inputs, calls the stage's function and
commits what it wrote; its *parent* carries log and progress to the store, forwards SIGTERM, and
survives whatever the worker dies of. Both end when the process that started them does (a pipe
that closes), so a killed controller leaves no worker behind. The worker is forked, before there
are threads: what both have imported, of which boto3 is most, costs a pod its time once.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import resource
import secrets
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from common import artifact, log, records
from common.artifact import Artifact, Draft
from common.code import code_digest
from common.errors import BadInput, Damaged, DarkroomError, ExitCode, OtherCode, Retryable
from common.parameters import Values
from common.progress import Reporter, Throttled, silent
from common.records import Failure, Manifest, Plan, Progress, Task
from common.stage import Stage, StepFunction, Stopping, Work
from common.store import Store, open_from_environment
from common.uploads import Uploads

# Where the environment names the pipes and files between controller, parent and worker.
LIFELINE, PROGRESS = "DARKROOM_LIFELINE_FD", "DARKROOM_PROGRESS_FD"
LAST_WORDS, THREADS, INDEX = "DARKROOM_LAST_WORDS", "DARKROOM_THREADS", "JOB_COMPLETION_INDEX"
SIGNALS = (signal.SIGTERM, signal.SIGINT)  # which end the worker, not its parent
PROGRESS_EVERY_S = 1.0
TERMINATED = 128 + signal.SIGTERM


def main(arguments: list[str]) -> int:
    """Run one index in a worker, and oversee it; return the exit code (design §2), once in either process."""
    parser = argparse.ArgumentParser(prog="python -m jobs", description="Runs one index of one step of a run.")
    parser.add_argument("stage", help="the stage's room, such as featurize")
    parser.add_argument("--plan", required=True, help="the plan's key in the store")
    options = parser.parse_args(arguments)
    return _oversee(options.stage, options.plan)


# --- the parent -----------------------------------------------------------------------------


def hold_lifeline(environment: Mapping[str, str]) -> None:
    """End this process when the other end of the lifeline pipe closes."""
    if LIFELINE not in environment:
        return
    descriptor = int(environment[LIFELINE])

    def wait() -> None:
        with contextlib.suppress(OSError):
            os.read(descriptor, 1)
        os._exit(TERMINATED)

    threading.Thread(target=wait, daemon=True).start()


def _oversee(stage: str, plan_key: str) -> int:
    """Start the worker, carry its words to the store, and end as it ended."""
    store = open_from_environment(os.environ)
    try:
        plan = _read_plan(store, plan_key)
    except DarkroomError as error:
        print(error, flush=True)
        leave_last_words(error, os.environ.get(LAST_WORDS))
        return _code_of(error)
    index = int(os.environ.get(INDEX, "0"))
    shipper = log.Shipper(store, log.folder(plan.run, plan.step, index, secrets.token_hex(4)))
    lifeline, ours = os.pipe()
    progress, theirs = os.pipe()
    lines, words = os.pipe()
    worker = os.fork()
    if worker == 0:
        for descriptor in (ours, progress, lines):
            os.close(descriptor)
        return _as_worker(stage, plan_key, words, {LIFELINE: str(lifeline), PROGRESS: str(theirs)})
    for descriptor in (lifeline, theirs, words):
        os.close(descriptor)
    for number in SIGNALS:
        signal.signal(number, lambda signum, _: os.kill(worker, signum))
    hold_lifeline(os.environ)
    place = f"runs/{plan.run}/progress/{plan.step.replace('/', '.')}/{index:05d}.json"
    carrier = threading.Thread(target=_carry_progress, args=(store, place, progress), daemon=True)
    carrier.start()
    _carry_log(lines, shipper)
    code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # there is nobody left to pass them on to
    carrier.join(timeout=5)
    os.close(ours)
    shipper.flush()
    if code < 0:
        leave_last_words(Killed(_how_it_was_killed(-code)), os.environ.get(LAST_WORDS))
    return code if code >= 0 else 128 - code


class Killed(Retryable):
    """The worker ended by a signal, without a word."""


def _how_it_was_killed(number: int) -> str:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return f"The worker was ended by {signal.Signals(number).name}; its memory had peaked at {peak / 2**20:,.0f} MiB."


def _carry_log(descriptor: int, shipper: log.Shipper) -> None:
    """Pass the worker's lines on until it closes them; a quiet worker's last line does not wait."""
    done = threading.Event()

    def tick() -> None:
        while not done.wait(1.0):
            with lock:
                shipper.tick()

    lock = threading.Lock()
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    with os.fdopen(descriptor, "rb") as lines:
        for line in lines:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            with lock:
                shipper.add(line)
    done.set()
    ticker.join()


def _carry_progress(store: Store, place: str, descriptor: int) -> None:
    """Keep the newest progress in the store; losing one is no harm."""
    with os.fdopen(descriptor, "rb") as lines:
        for line in lines:
            with contextlib.suppress(DarkroomError, ValueError, TypeError):
                store.put(place, records.encode(Progress(**json.loads(line))))


def leave_last_words(error: BaseException, path: str | None) -> None:
    """Tell the controller why this process ends; a pod's message may have 4 kB."""
    if not path:
        return
    damaged = (error.step, error.key) if isinstance(error, Damaged) else None
    words = Failure(error=type(error).__name__, message=str(error)[:2000], exit_code=_code_of(error), damaged=damaged)
    with contextlib.suppress(OSError):
        Path(path).write_bytes(records.encode(words))


# --- the worker -----------------------------------------------------------------------------


def _as_worker(stage: str, plan_key: str, words: int, environment: Mapping[str, str]) -> int:
    """Do the work in this process, which was forked for it; all that it says goes into the pipe `words`."""
    for descriptor in (1, 2):
        os.dup2(words, descriptor)
    os.close(words)
    os.environ.update(environment)
    hold_lifeline(os.environ)
    return _work(stage, plan_key)


def _work(stage: str, plan_key: str) -> int:
    stopping = Stopping()
    signal.signal(signal.SIGTERM, lambda signum, _: stopping.ask(signum))
    try:
        run_task(open_from_environment(os.environ), stage, plan_key, int(os.environ.get(INDEX, "0")), _reporter(), stopping)
    except Exception as error:  # noqa: BLE001 - the outermost line of a stage: every surprise becomes an exit code
        if isinstance(error, DarkroomError):
            print(f"{type(error).__name__}: {error}", flush=True)
        else:
            traceback.print_exc()
        leave_last_words(error, os.environ.get(LAST_WORDS))
        return _code_of(error)
    return ExitCode.DONE


def run_task(
    store: Store, stage_name: str, plan_key: str, index: int, progress: Reporter, stopping: Stopping | None = None
) -> Manifest | None:
    """Do one index of a plan: inputs verified, the stage's function called, its output committed.

    Returns None where the artifact was there already. Raises what the work raises.
    """
    plan = _read_plan(store, plan_key)
    if index >= len(plan.tasks):
        raise BadInput(f"{plan_key} has {len(plan.tasks)} tasks; there is none with index {index}.")
    task = plan.tasks[index]
    stage = _stage(stage_name)
    if code_digest(stage) != plan.code:
        raise OtherCode(
            f"This image of {stage_name} was built from other code than the plan was made for "
            f"({code_digest(stage)[:12]}, wanted {plan.code[:12]}). Build the images again, or use a matching controller."
        )
    if not plan.repair and artifact.find_sound(store, plan.step, task.key) is not None:
        return None
    return _make(store, stage, plan, task, plan_key, progress, stopping or Stopping())


def _make(store: Store, stage: Stage, plan: Plan, task: Task, plan_key: str, progress: Reporter, stopping: Stopping) -> Manifest:
    started = time.monotonic()
    inputs = {name: artifact.read_ref(store, ref) for name, ref in plan.inputs.items()}
    draft = Draft(store, task.recipe)
    broken = artifact.find_sound(store, plan.step, task.key) if plan.repair else None
    work = Work(
        parameters=Values(plan.parameters),
        inputs=inputs,
        out=draft,
        progress=progress,
        threads=int(os.environ.get(THREADS, "1")),
        locator=plan.locator,
        uploads=Uploads(store),
        unit=inputs[plan.fan_out].unit(task.unit) if plan.fan_out else None,
        log=_say,
        before=Artifact(store, broken) if broken else None,
        stopping=stopping,
    )
    _function(stage.name, plan.step)(work)
    provenance = {
        "host": socket.gethostname(),
        "python": sys.version.split()[0],
        "image": os.environ.get("DARKROOM_IMAGE", ""),
        "run": plan.run,
        "seconds": round(time.monotonic() - started, 3),
    }
    manifest = draft.commit(plan=plan_key, provenance=provenance, repair=plan.repair)
    artifact.sweep(store, manifest)
    return manifest


def _read_plan(store: Store, key: str) -> Plan:
    return records.decode(store.get(key).data, Plan, f"{store.url}/{key}")


def _stage(name: str) -> Stage:
    stage: Stage = importlib.import_module(f"jobs.{name}.spec").STAGE
    return stage


def _function(stage: str, step: str) -> StepFunction:
    steps: Mapping[str, StepFunction] = importlib.import_module(f"jobs.{stage}.stage").STEPS
    return steps[step]


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def _reporter() -> Reporter:
    """Return a reporter that writes to the parent's pipe, or nowhere."""
    if PROGRESS not in os.environ:
        return silent
    pipe: IO[str] = os.fdopen(int(os.environ[PROGRESS]), "w", buffering=1)
    started = time.monotonic()

    def write(done: int, total: int, note: str = "") -> None:
        elapsed = round(time.monotonic() - started, 3)
        with contextlib.suppress(OSError):
            pipe.write(json.dumps({"done": done, "total": total, "note": note, "elapsed_s": elapsed}) + "\n")

    return Throttled(write, PROGRESS_EVERY_S)


def _code_of(error: BaseException) -> int:
    """Out of memory or a hiccup of the machine may pass; another surprise is a bug and stays one."""
    if isinstance(error, DarkroomError):
        return int(error.exit_code)
    return int(ExitCode.RETRY if isinstance(error, MemoryError | OSError) else ExitCode.FINAL)
