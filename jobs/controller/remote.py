"""Runs on a cluster: a driver Job does there what the command does on one machine.

The driver's Job owns the stages' Jobs. Its pod may be killed at any moment: the next one looks
and goes on. The command only submits and watches; ending it ends nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from common import records
from common.errors import DarkroomError, ExitCode, Permanent, Refused
from common.records import Run, State
from common.retry import Policy
from common.store import Store
from jobs import harness
from jobs.controller import ending, graph, runs, settings, submission, uploading
from jobs.controller.cluster import KubernetesLauncher, put_job
from jobs.controller.drive import Drive
from jobs.controller.kubernetes import Absent, Api, ClusterRefused, connect
from jobs.controller.launcher import JobStatus
from jobs.controller.mirror import Resource
from jobs.controller.observe import Observer
from jobs.controller.pods import condition
from jobs.controller.render import RUN, TERMINATION_MESSAGE, driver_name, render_driver
from jobs.controller.runs import Known
from jobs.controller.site import SITE_MAP, Site, on_cluster
from jobs.controller.submission import Prepared
from jobs.controller.view import Lines, PlainView, counting, open_view

NODES = 2
LOOK_EVERY_S = 1.0
GONE_S = 60.0
NO_DRIVER_S = 5.0  # a driver's Job that was just asked for, or is being replaced, has this time to appear
NO_DRIVER = "Its driver's Job is gone or has ended."


def read_site(api: Api) -> Site:
    """Read the site's settings from the ConfigMap that the chart makes. Raises Refused."""
    try:
        found = api.read_configuration(SITE_MAP)
    except ClusterRefused as error:
        raise Refused(
            f"The namespace {api.namespace} has no ConfigMap {SITE_MAP} that can be read ({error}) Install the chart first."
        ) from error
    return on_cluster(found.get("data", {}).get("site.yaml", ""), owner_reference("v1", "ConfigMap", found))


def environment_of(site: Site, environment: Mapping[str, str]) -> dict[str, str]:
    """Return how the site's store is reached from outside: by the person's own environment where that says how."""
    return {name: environment.get(name) or value for name, value in site.environment.items()}


def submit(
    api: Api,
    site: Site,
    store: Store,
    dataset: str,
    source: str,
    assignments: Sequence[str],
    nodes: int | None,
    environment: Mapping[str, str],
    again: Mapping[str, bool],
) -> Known:
    """Submit a request to the cluster and watch it to its end; Ctrl-C ends the watching only.

    `again` says what a source's servers are to be asked again (the fields of Asked).
    """
    steps = graph.load()
    resolved = settings.read(steps, dataset, assignments, source)
    ask = submission.ask_again(resolved.values.text("source"), **again)
    return run_there(api, site, store, submission.prepare(store, steps, dataset, resolved, counting(), environment, ask), nodes)


def run_there(api: Api, site: Site, store: Store, prepared: Prepared, nodes: int | None) -> Known:
    """Run what may start on the cluster and watch it to its end; Ctrl-C ends the watching only."""
    prepared = uploading.send(store, prepared, counting())
    run, new = submission.attach_or_create(store, prepared, nodes or NODES, api.namespace)
    if new:
        start(api, site, store, run)
    elif not _gets_driver(api, store, run.run):
        return resume(store, runs.read(store, run.run))
    return follow(api, store, run)


def start(api: Api, site: Site, store: Store, run: Run) -> None:
    """Create the driver's Job when the run has all that its pods will read; where that fails, the run ends as failed."""
    try:
        uploading.confirm(store, run)
        put_job(api, render_driver(run, site), site.owner)
    except DarkroomError as error:
        runs.end(store, run.run, runs.FAILED, f"The run could not be started. {error}", writer="submit")
        raise


def has_driver(api: Api, store: Store, run: str) -> bool:
    """Is there a Job that drives the run, or will as soon as it can?"""
    state = runs.read_state(store, run)
    if state is None or state.driver is None:
        return False
    try:
        return condition(api.read_job(state.driver.host)) == ("", "")
    except Absent:
        return False


def _gets_driver(api: Api, store: Store, run: str) -> bool:
    """Is there a driver's Job, now or as soon as whoever submits just now has made it?"""
    until = time.monotonic() + NO_DRIVER_S
    while not has_driver(api, store, run):
        if time.monotonic() > until:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


def follow(api: Api, store: Store, run: Run) -> Known:
    """Show a run until it has ended, or nobody drives it any more."""
    steps = graph.load(run.goal)
    launcher = KubernetesLauncher(api, run.run, patience_s=read_site(api).patience_s)
    view = open_view(store, run.run, steps)
    observe = Observer(store, launcher, run, steps)
    told, driven = "", time.monotonic()
    try:
        while (known := runs.read(store, run.run)).condition == runs.RUNNING:
            view(observe({name: record for name, record in known.records.items() if record.state == runs.DONE}))
            driver = launcher.driver()
            told = _tell(driver, told)
            if driver is not None and not driver.condition:
                driven = time.monotonic()
            if time.monotonic() - driven > NO_DRIVER_S:
                look(store, known)
            elif driver is not None and driver.trouble is not None and driver.trouble.is_over_patience:
                runs.end(store, run.run, runs.FAILED, f"driver: {driver.trouble.text}", writer="submit")
                api.delete_job(driver.name)
            else:
                launcher.wait(LOOK_EVERY_S)
    except KeyboardInterrupt:
        print(f"\nThe run goes on. `darkroom status {run.run}` tells how it is, `darkroom cancel {run.run}` ends it.", file=sys.stderr)
    finally:
        view.close()
        launcher.close()
    return runs.read(store, run.run)


def _tell(driver: JobStatus | None, told: str) -> str:
    """Say once what keeps the driver from starting; returns what was said last."""
    text = driver.trouble.text if driver is not None and driver.trouble is not None else ""
    if text and text != told:
        print(f"driver     waits: {text}", file=sys.stderr, flush=True)
    return text or told


def look(store: Store, known: Known) -> Known:
    """Return a run as it is: one that is called running and has no driver's Job is interrupted.

    Where the cluster cannot be asked, its state is believed.
    """
    if not known.is_with_a_job:
        return known
    with contextlib.suppress(DarkroomError):
        if not has_driver(connect(known.run.namespace), store, known.run.run):
            runs.orphan(store, known.run.run, NO_DRIVER)
    return runs.read(store, known.run.run)


def driver_trouble(known: Known) -> str:
    """Say what keeps the driver of a run on a cluster from starting, "" where nothing does or the cluster cannot be asked."""
    with contextlib.suppress(DarkroomError):
        launcher = KubernetesLauncher(connect(known.run.namespace), known.run.run)
        try:
            driver = launcher.driver()
        finally:
            launcher.close()
        return driver.trouble.text if driver is not None and driver.trouble is not None else ""
    return ""


def resume(store: Store, known: Known) -> Known:
    """Give an interrupted run a driver again, and watch it."""
    api, run = connect(known.run.namespace), known.run
    site = read_site(api)
    clear(api, run.run)
    place = runs.state_key(run.run)
    started = known.state.started if known.state is not None else runs.now_text()
    state = State(state=runs.RUNNING, driver=submission.job_as_driver(driver_name(run.run)), started=started, writer="resume")
    store.put(place, records.encode(state))
    start(api, site, store, run)
    return follow(api, store, run)


def clear(api: Api, run: str) -> None:
    """Delete all Jobs of a run and wait until they are gone. Raises Refused where they stay."""
    selector, until = f"{RUN}={run}", time.monotonic() + GONE_S
    while found := api.list_jobs(selector)[0]:
        if time.monotonic() > until:
            raise Refused(f"Jobs of {run} do not go away: {', '.join(job['metadata']['name'] for job in found)}. See their finalizers.")
        for job in found:
            with contextlib.suppress(Absent):
                api.delete_job(job["metadata"]["name"])
        time.sleep(LOOK_EVERY_S)


@dataclass(frozen=True)
class Task:
    """What the pods of a driver's Job are to do: drive a run that was submitted."""

    api: Api
    store: Store
    run: str

    def begin(self) -> bool:
        """Make sure that there is a run to drive; False where there is nothing to do."""
        return True

    def fail(self, reason: str) -> None:
        """Write down that nothing comes of it."""
        ending.end_run(self.api, self.store, self.run, reason)


def drive(store: Store, name: str, environment: Mapping[str, str] = os.environ) -> int:
    """Be a run's driver, in the pod of its Job; return the exit code: a run that failed is a driver that did its work."""
    return work(environment, lambda api, _: Task(api, store, name))


def work(environment: Mapping[str, str], task_of: Callable[[Api, Resource], Task]) -> int:
    """Do the task of the driver's Job whose pod this is; return the exit code."""
    name = environment[runs.DRIVER]
    try:
        api = connect()
        job = Policy().call(lambda: api.read_job(name))
        return _work(task_of(api, job), job)
    except DarkroomError as error:
        print(error, flush=True)
        harness.leave_last_words(error, TERMINATION_MESSAGE)
        if error.exit_code == ExitCode.FINAL:
            give_up(name)
        return error.exit_code


def _work(task: Task, job: Resource) -> ExitCode:
    try:
        with ending.terminable():
            if task.begin():
                _drive(task, job)
    except ending.Terminated:
        if ending.is_overdue(task.api, job["metadata"]["name"]):
            task.fail(f"It {ending.NOT_IN_TIME}.")
        return ExitCode.RETRY
    except Permanent as error:
        with contextlib.suppress(DarkroomError):  # what hindered the work may hinder this
            task.fail(str(error))
        raise
    return ExitCode.DONE


def _drive(task: Task, job: Resource) -> None:
    known = runs.read(task.store, task.run)
    if known.condition not in (runs.RUNNING, runs.INTERRUPTED):
        return  # an earlier pod came so far
    steps, site = graph.load(known.run.goal), read_site(task.api)
    launcher = KubernetesLauncher(task.api, task.run, owner_reference("batch/v1", "Job", job), site.patience_s)
    view = PlainView(Lines(task.store, task.run, steps), sys.stdout)
    try:
        Drive(task.store, launcher, known.run, site, watch=view)()
    finally:
        view.close()
        launcher.close()


def give_up(job: str) -> None:
    """Let a driver's Job end with the pod that says so, though it has restarts left."""
    with contextlib.suppress(DarkroomError):  # then it is started again, and says it again
        connect().patch_job(job, {"spec": {"backoffLimit": 0}})


def owner_reference(version: str, kind: str, resource: Resource) -> Resource:
    """Return what makes an object the owner of others: they go when it does."""
    return {"apiVersion": version, "kind": kind, "name": resource["metadata"]["name"], "uid": resource["metadata"]["uid"]}
