"""Figures with intervals: what a test set says of a model, and of two models on the same pictures."""

from common.metrics.intervals import Figure, draw_groups
from common.metrics.paired import Comparison, compare, difference
from common.metrics.ranking import Curve, pr_curve, roc_curve
from common.metrics.summary import Bin, Scored, Summary, Threshold, summarise

__all__ = [
    "Bin",
    "Comparison",
    "Curve",
    "Figure",
    "Scored",
    "Summary",
    "Threshold",
    "compare",
    "difference",
    "draw_groups",
    "pr_curve",
    "roc_curve",
    "summarise",
]
