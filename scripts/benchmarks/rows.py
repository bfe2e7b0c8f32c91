# SPDX-License-Identifier: Apache-2.0
"""What was measured: rows of a table, each with its rival, and curves of points."""

import statistics
from dataclasses import dataclass, field


@dataclass
class Row:
    measure: str
    store: str
    ours: float | None
    rival: float | None
    unit: str
    against: str
    bar: float | None = None
    sense: str = "most"  # the ratio, or without a rival the value, may be at most, or has to be at least
    ratio: float | None = None
    why_not: str = ""  # why there is no figure

    def judged(self):
        return self.ours if self.rival is None else self.ratio

    def missed(self):
        if self.bar is None or self.judged() is None:
            return False
        return self.judged() > self.bar if self.sense == "most" else self.judged() < self.bar


@dataclass
class Curve:
    name: str
    title: str
    x: str
    unit: str
    rival: str
    logarithmic: bool = True
    points: list = field(default_factory=list)  # (x, ours, ours_p99 or None, rival or None)


def pairs(measure, store, samples, unit, against, bar=None, sense="most", scale=1.0):
    """Of samples (ours, rival) that were taken turn by turn: the medians, and the median of their ratios."""
    return Row(measure, store, statistics.median(a for a, _ in samples) * scale,
               statistics.median(b for _, b in samples) * scale, unit, against, bar, sense,
               statistics.median(a / b for a, b in samples))


def absent(measure, store, against, why, bar=None, sense="most"):
    return Row(measure, store, None, None, "", against, bar, sense, None, why)


def turns(count, *acts):
    """All of them, `count` times, each as often first as another."""
    samples = []
    for index in range(count):
        sample = [None] * len(acts)
        for turn in range(len(acts)):
            which = (index + turn) % len(acts)
            sample[which] = acts[which](index)
        samples.append(tuple(sample))
    return samples
