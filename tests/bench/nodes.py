"""bench-nodes: one featurize Job as it is rendered, with one pod at a time and with four, each held to 0.4 CPU.

ResNet-50 over twelve shards of photographs, on the two nodes of the tests' cluster: the stage's own
image, the plan in S3, time as the API server tells it from the Job's creation to its completion. What
the first made is removed before the second, which must come out with the same content digests.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common import artifact, records, shards
from common.artifact import Artifact, seal
from common.model import CARD_FILE, MODEL_FILE
from common.records import Plan, Recipe
from common.store import Store
from jobs.controller import graph
from jobs.controller.render import render
from tests.bench import resnet
from tests.bench.photographs import photograph
from tests.bench.place import Place, prepared
from tests.bench.plans import plan_of
from tests.bench.rows import Bench, Row, emit, machine, say
from tests.support.rooms import commit, defaults

SHARDS, PER_SHARD, NODES = 12, 256, 4
CPU = {"cpu": "400m", "memory": "2Gi"}
LEAST_S, GOAL_SHARE, MOST_S = 300.0, 0.3, 1200
FEATURIZE = graph.load().stage("featurize")

LIMITS = (
    "Four pods of 0.4 CPU want 1.6 cores, so on a machine of two the control plane, both kubelets and S3 have 0.4 of one. "
    "What a pod does before it computes (start, imports, reading the network) is part of each shard in both."
)


def main() -> None:
    with prepared({"resources": {"featurize": {"requests": CPU, "limits": CPU}}}) as place:
        say(f"nodes: writing {SHARDS} shards of {PER_SHARD} pictures")
        plan = make_plan(place.store)
        one_s, first = run(place, plan, 1)
        for task in plan.tasks:
            place.store.delete(artifact.manifest_key(plan.step, task.key))
        four_s, second = run(place, plan, NODES)
    what = f"featurize, {SHARDS * PER_SHARD} photographs through ResNet-50, pods of 0.4 CPU"
    same = sum(one == other for one, other in zip(first, second, strict=True))
    emit(
        Bench(
            "nodes",
            machine(),
            (
                Row(f"{what}: NODES={NODES}", four_s, one_s, "NODES=1", "s", round(one_s / four_s, 2), round(1 / GOAL_SHARE, 2)),
                Row(f"{what}: long enough with NODES=1", one_s, LEAST_S, "five minutes", "s", round(one_s / LEAST_S, 2), 1.0),
                Row("shards with equal content digests", same, SHARDS, "all", "shards", same / SHARDS, 1.0),
            ),
        )
    )


def make_plan(store: Store) -> Plan:
    """Write what featurize reads, as earlier stages leave it, and return the plan for all shards."""
    data = resnet.resnet50()
    backbone = commit(store, "refine", {MODEL_FILE: data, CARD_FILE: records.encode(resnet.card(data))})
    made = []
    for number in range(SHARDS):
        pictures = (photograph(number * PER_SHARD + one) for one in range(PER_SHARD))
        made.append((f"shard-{number}", commit(store, "scrape/fetch", shards.pack(pictures)).manifest))
    recipe = Recipe(step="scrape/snapshot", parameters={}, inputs={}, code="")
    snapshot = Artifact(store, seal(store, recipe, made, "bench"))
    return plan_of("bench-nodes", "featurize", {"snapshot": snapshot, "backbone": backbone}, defaults())


def run(place: Place, plan: Plan, nodes: int) -> tuple[float, list[str]]:
    """Run the plan so many pods wide; return the seconds and each shard's content digest."""
    place_of_plan = f"{artifact.folder(plan.step, plan.key)}/plan-{nodes}.json"
    place.store.put(place_of_plan, records.encode(plan))
    job = render(FEATURIZE, plan, place_of_plan, nodes, place.site())
    job["metadata"]["name"] += f"-nodes-{nodes}"
    done = place.kubernetes.finish(place.namespace, job, within_s=MOST_S)
    seconds = (_time(done["status"]["completionTime"]) - _time(done["metadata"]["creationTimestamp"])).total_seconds()
    say(f"  NODES={nodes}: {seconds:.0f} s")
    return seconds, [_digest(place.store, plan.step, task.key) for task in plan.tasks]


def _digest(store: Store, step: str, key: str) -> str:
    found: Any = artifact.find(store, step, key)
    return str(found.digest)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


if __name__ == "__main__":
    main()
