"""What somebody can do who reads the statistics and knows all that everybody else did: rules that
decide from one number, learnt on one half of what was seen and judged on the other."""

import math
import random
from itertools import accumulate

# Lines for the end of the run's report.
FIGURES = []

Z99 = 2.5758  # of a normal distribution, two-sided


def upper(good, total):
    """Upper end of Wilson's 99 % interval for a share."""
    share, z2 = good / total, Z99 * Z99
    middle = share + z2 / (2 * total)
    half = Z99 * math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    return (middle + half) / (1 + z2 / total)


def halves(values, rng):
    mixed = rng.sample(values, len(values))
    return mixed[:len(mixed) // 2], mixed[len(mixed) // 2:]


def learn(absent, present):
    """The threshold with which "at least so much means present" is right most often."""
    steps = {}
    for value in absent:
        steps[value] = steps.get(value, 0) - 1 / len(absent)
    for value in present:
        steps[value] = steps.get(value, 0) + 1 / len(present)
    order = sorted(steps)
    # Rate of true alarms minus that of false ones, for a threshold just above each value.
    sums = list(accumulate(steps[value] for value in order))
    best = min(range(len(order)), key=lambda i: sums[i])
    return order[best] + 1e-9 if sums[best] < 0 else order[0] - 1


def accuracy(absent, present, seed=1):
    """(balanced accuracy, upper end of its 99 % interval) of the best rule; as many of either kind
    are looked at, so it is a plain share."""
    rng = random.Random(seed)
    number = min(len(absent), len(present))
    old_absent, new_absent = halves(rng.sample(absent, number), rng)
    old_present, new_present = halves(rng.sample(present, number), rng)
    limit = learn(old_absent, old_present)
    good = sum(v < limit for v in new_absent) + sum(v >= limit for v in new_present)
    total = len(new_absent) + len(new_present)
    return good / total, upper(good, total)


def likelihood(scale, shift):
    """How much more likely a value is with so much more in the sum, as a logarithm."""
    return lambda value: (abs(value) - abs(value - shift)) / scale


def guess_window(absent, present, rng, among=10):
    """How often the largest of so many windows is the one in which the call was."""
    good = 0
    for value in present:
        others = rng.sample(absent, among - 1)
        good += value > max(others) or (value == max(others) and rng.random() < 0.5)
    return good / len(present)
