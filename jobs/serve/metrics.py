"""What Prometheus is told: how long each step takes, how full it is, what was answered."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_PICTURES = (1, 2, 4, 8, 16, 32, 64)
_GAPS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
STEPS = ("read", "decode", "wait", "infer", "whole")


class Metrics:
    """One service's figures, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        step = Histogram("darkroom_step_seconds", "Time by step.", ["step"], buckets=_SECONDS, registry=self._registry)
        self.step = {name: step.labels(name) for name in STEPS}
        self.batch = Histogram(
            "darkroom_batch_pictures", "Pictures in one call of the network.", buckets=_PICTURES, registry=self._registry
        )
        self.inside = Gauge("darkroom_queue_pictures", "Pictures that were let in and not answered yet.", registry=self._registry)
        self.replies = Counter("darkroom_replies", "Replies by route and status.", ["route", "status"], registry=self._registry)
        self.answers = Counter("darkroom_answers", "Pictures by answer.", ["label", "version"], registry=self._registry)
        self.confidence = Histogram("darkroom_best_probability", "Probability of the best class.", buckets=_GAPS, registry=self._registry)
        self.refused = Counter("darkroom_refused_pictures", "Pictures that could not be used.", registry=self._registry)
        self.model = Gauge("darkroom_model", "1 for the model that answers.", ["dataset", "version"], registry=self._registry)
        self.swaps = Counter("darkroom_model_swaps", "Models that took another's place.", registry=self._registry)
        self.failed_swaps = Counter("darkroom_model_failures", "Looks at the pointer that failed.", registry=self._registry)
        self.inbox = Counter("darkroom_inbox_pictures", "Uncertain pictures by what became of them.", ["outcome"], registry=self._registry)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self._registry)
