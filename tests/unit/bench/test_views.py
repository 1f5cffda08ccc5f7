"""The choice of views: what it judges is what the graph would give, and easy pictures are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from common.images import Preprocessing, preprocess
from common.model import FEATURES, Model
from jobs.pretrain import graph
from jobs.pretrain.graph import RESOLUTION
from jobs.pretrain.patterns import kinds_of_families
from tests.bench import views
from tests.support.refinable import pattern_weights


@pytest.fixture(scope="module")
def weights() -> views.Weights:
    return pattern_weights(families=len(kinds_of_families()))


def test_a_choice_s_features_are_the_graph_s(weights: views.Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    choice = views.Choice((32, 64), graph.KINDS_WEIGHT, maxima=True)
    monkeypatch.setattr(views, "CHOICES", (choice,))
    pictures = [views.render(job) for job in views.TASKS[2].jobs(1)]
    found = choice.features(views.look(weights, pictures))
    batch = np.stack([preprocess(one, Preprocessing(resolution=RESOLUTION)) for one in pictures])
    built = Model(graph.build("both", weights, kinds_of_families(), (32, 64))).run(batch, FEATURES)
    assert np.allclose(found, built, atol=2e-3)


def test_a_task_takes_families_and_scenes_in_turn() -> None:
    jobs = views.Task("task", [["striped"], ["dotted", "blots"]], ("near", "worn")).jobs(3)
    assert [(family, scene) for _, family, _, scene in jobs] == [
        ("striped", "near"),
        ("striped", "worn"),
        ("striped", "near"),
        ("dotted", "near"),
        ("blots", "worn"),
        ("dotted", "near"),
    ]
    assert len({(streams, number) for streams, _, number, _ in jobs}) == len(jobs)


def test_no_task_shows_the_demo_s_leopard() -> None:
    assert "leopard" not in {family for task in views.TASKS for families in task.classes for family in families}


def test_accuracy_is_that_on_pictures_not_shown() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(80, 5))
    apart = noise + np.repeat([0, 20], 40)[:, None]
    assert views.accuracy(apart, 2, 10) == 1
    assert 0.3 < views.accuracy(noise, 2, 10) < 0.7
