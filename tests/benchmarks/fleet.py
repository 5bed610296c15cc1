"""Autoscaling of a serverless platform: instances start when no slot is free; idle ones end.

`Fleet` implements the rule without a clock; `simulate` runs it with a virtual clock, instances.py
with real servers. The rule is a simplification of Cloud Run's, which also considers processor
utilization and may keep idle instances for longer.
"""

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Rule:
    concurrency: int  # concurrent requests of an instance
    most: int  # instances
    idle_s: float  # time without requests after which an instance ends


@dataclass(eq=False)
class Instance:
    number: int
    ready_at: float | None = None
    busy: int = 0
    idle_since: float = 0.0


@dataclass(eq=False)
class Request:
    arrived: float
    cold: bool = False
    served_at: float | None = None


@dataclass(frozen=True)
class Start:
    instance: Instance


@dataclass(frozen=True)
class Serve:
    instance: Instance
    request: Request


Action = Start | Serve


@dataclass
class Fleet:
    rule: Rule
    # Instances with free slots; the last one used is at the end and is used first.
    _free: list[Instance] = field(default_factory=list)
    _waiting: deque[Request] = field(default_factory=deque)
    _starting: int = 0
    _alive: int = 0
    started: int = 0
    ended: list[Instance] = field(default_factory=list)
    # Lower bound of the times since which instances are idle.
    _longest_idle_since: float = -math.inf

    def warm(self, instances: int, now: float) -> None:
        """Add instances that are ready."""
        for number in range(instances):
            self._free.append(Instance(number, ready_at=now, idle_since=now))
        self._alive += instances

    def arrive(self, request: Request, now: float) -> list[Action]:
        self._end_idle(now)
        self._waiting.append(request)
        actions = self._serve(now)
        room = self._starting * self.rule.concurrency
        while len(self._waiting) > room and self._alive < self.rule.most:
            self.started += 1
            self._starting += 1
            self._alive += 1
            room += self.rule.concurrency
            actions.append(Start(Instance(self.started)))
        return actions

    def ready(self, instance: Instance, now: float) -> list[Action]:
        instance.ready_at = instance.idle_since = now
        self._starting -= 1
        self._free.append(instance)
        return self._serve(now)

    def finish(self, instance: Instance, now: float) -> list[Action]:
        instance.busy -= 1
        instance.idle_since = now
        if instance.busy == self.rule.concurrency - 1:
            self._free.append(instance)
        return self._serve(now)

    def _serve(self, now: float) -> list[Action]:
        actions: list[Action] = []
        while self._waiting and self._free:
            instance, request = self._free[-1], self._waiting.popleft()
            instance.busy += 1
            if instance.busy == self.rule.concurrency:
                self._free.pop()
            assert instance.ready_at is not None
            request.cold = instance.ready_at > request.arrived
            request.served_at = now
            actions.append(Serve(instance, request))
        return actions

    def _end_idle(self, now: float) -> None:
        # With a thousand instances, checking each upon every arrival would be slow.
        if now - self._longest_idle_since <= self.rule.idle_s:
            return
        over = [
            instance
            for instance in self._free
            if instance.busy == 0 and now - instance.idle_since > self.rule.idle_s
        ]
        if over:
            self._free = [instance for instance in self._free if instance not in over]
            self._alive -= len(over)
            self.ended += over
        idle = (instance.idle_since for instance in self._free if instance.busy == 0)
        self._longest_idle_since = min(idle, default=now)


@dataclass(frozen=True)
class Outcome:
    requests: int
    cold: int  # requests that waited for the start of an instance
    starts: int
    waited_s: float  # mean time before being served

    @property
    def share(self) -> float:
        return self.cold / self.requests


def outcome(requests: list[Request], starts: int) -> Outcome:
    waits = [
        request.served_at - request.arrived for request in requests if request.served_at is not None
    ]
    assert len(waits) == len(requests), "every request is served"
    return Outcome(
        len(requests), sum(request.cold for request in requests), starts, sum(waits) / len(waits)
    )


def simulate(
    arrivals: Iterable[float], rule: Rule, cold_s: float, service_s: float, warm: int = 0
) -> Outcome:
    """Run the rule with a virtual clock; ``arrivals`` in seconds, ascending."""
    fleet = Fleet(rule)
    fleet.warm(warm, 0.0)
    order = itertools.count()
    requests = [Request(arrived) for arrived in arrivals]
    # (time, tie-break, event); arrivals precede other events at the same time.
    events: list[tuple[float, int, Instance | None, bool]] = []
    pending = iter(requests)
    upcoming = next(pending, None)
    while upcoming is not None or events:
        if upcoming is not None and (not events or upcoming.arrived <= events[0][0]):
            now = upcoming.arrived
            actions = fleet.arrive(upcoming, now)
            upcoming = next(pending, None)
        else:
            now, _, instance, starting = heapq.heappop(events)
            assert instance is not None
            actions = (fleet.ready if starting else fleet.finish)(instance, now)
        for action in actions:
            starting = isinstance(action, Start)
            takes = cold_s if starting else service_s
            heapq.heappush(events, (now + takes, next(order), action.instance, starting))
    return outcome(requests, fleet.started)


def poisson(rate: float, seconds: float, seed: int = 1, start: float = 0.0) -> Iterator[float]:
    """Arrivals of independent users (a Poisson process)."""
    dice = random.Random(seed)
    now = start + dice.expovariate(rate)
    while now < start + seconds:
        yield now
        now += dice.expovariate(rate)


def bursts(size: int, every_s: float, count: int) -> Iterator[float]:
    """Repeated bursts of simultaneous arrivals."""
    for index in range(count):
        yield from [index * every_s] * size
