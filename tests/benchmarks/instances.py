"""Real instances on this machine: throughput by setting, and a small autoscaled fleet."""

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.benchmarks import fleet, load, process
from tests.benchmarks.contenders import Contender
from tests.benchmarks.fleet import Fleet, Instance, Request, Rule

# Cores, and concurrent requests of an instance (CONCURRENCY).
SETTINGS = tuple((cores, clients) for cores in (1, 2) for clients in (1, 4, 8))
SECONDS = 2.0
PROBES = 20
# Rare visitors, between whom instances end; and bursts.
TRIALS = {
    "single visitors, 1 a second": (tuple(fleet.poisson(1, 20)), Rule(1, 3, 1.0)),
    "crowds of 12": (tuple(fleet.bursts(12, 4, 4)), Rule(2, 3, 2.0)),
}


def measure(
    contender: Contender, image: bytes, logs: Path, say: Callable[[str], None]
) -> dict[str, Any]:
    """Measure settings and trials for results.json."""
    say("settings of an instance")
    settings = [_setting(contender, image, logs, *setting) for setting in SETTINGS]
    trials = {}
    cold_s, service_s = _timed(contender, image, logs)
    for name, (arrivals, rule) in TRIALS.items():
        say(f"local instances: {name}")
        measured = run(contender, image, arrivals, rule, logs)
        expected = fleet.simulate(arrivals, rule, cold_s, service_s)
        trials[name] = {
            "rule": vars(rule),
            "measured": vars(measured),
            "simulated": vars(expected),
        }
    return {"settings": settings, "trials": trials, "cold_s": cold_s, "service_s": service_s}


def _setting(
    contender: Contender, image: bytes, logs: Path, cores: int, clients: int
) -> dict[str, Any]:
    pinned = ("taskset", "--cpu-list", ",".join(map(str, range(cores))), *contender.command)
    environment = {
        **contender.environment,
        # As in infra/deploy_function.sh.
        "INTERPRETERS": str(cores),
        "THREADS": str(clients),
    }
    with process.running(pinned, environment, logs / "setting.txt") as server:
        server.first("/ready")
        load.post(server.url, image, clients, 1)
        with process.peak(server.pss_mib) as samples:
            found = load.post(server.url, image, clients, SECONDS)
    measured = {"cores": cores, "clients": clients, "peak_mib": max(samples)}
    return measured | {"rate": found.rate, "p50_ms": found.p50_ms, "p95_ms": found.p95_ms}


def _timed(contender: Contender, image: bytes, logs: Path) -> tuple[float, float]:
    """Seconds until an instance is ready, and for one request."""
    colds = []
    for _ in range(3):
        with process.running(contender.command, contender.environment, logs / "timed.txt") as one:
            colds.append(one.first("/ready"))
            taken = [load.once(one, image) for _ in range(PROBES)]
    return statistics.median(colds), statistics.median(taken)


def run(
    contender: Contender, image: bytes, arrivals: Sequence[float], rule: Rule, logs: Path
) -> fleet.Outcome:
    """Send requests to real servers that are started and stopped by the rule."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(4 * rule.most * rule.concurrency + 4))
        return _Trial(contender, image, rule, Path(folder), pool, stack).run(arrivals)


class _Trial:
    """One run; ``stack`` stops its servers."""

    def __init__(
        self,
        contender: Contender,
        image: bytes,
        rule: Rule,
        folder: Path,
        pool: ThreadPoolExecutor,
        stack: ExitStack,
    ) -> None:
        self.contender, self.image, self.folder = contender, image, folder
        self.pool, self.stack = pool, stack
        self.fleet, self.lock = Fleet(rule), threading.Lock()
        self.servers: dict[Instance, process.Running] = {}
        self.open = 0
        self.failures: list[str] = []
        self.changed = threading.Condition(self.lock)

    def run(self, arrivals: Sequence[float]) -> fleet.Outcome:
        self.began = time.monotonic()
        requests = [Request(arrived) for arrived in arrivals]
        self.open = len(requests)
        for request in requests:
            time.sleep(max(0.0, request.arrived - self.now()))
            with self.lock:
                self._act(self.fleet.arrive(request, self.now()))
                self._end()
        with self.changed:
            done = self.changed.wait_for(lambda: self.failures or not self.open, timeout=120)
        if self.failures or not done:
            raise load.LoadError(f"local instances: {self.failures or 'no end within 120 s'}")
        return fleet.outcome(requests, self.fleet.started)

    def now(self) -> float:
        return time.monotonic() - self.began

    def _act(self, actions: list[fleet.Action]) -> None:
        for action in actions:
            if isinstance(action, fleet.Start):
                self.pool.submit(self._guard, self._start, action.instance)
            else:
                self.pool.submit(self._guard, self._serve, action.instance)

    def _guard(self, work: Callable[[Instance], None], instance: Instance) -> None:
        try:
            work(instance)
        except Exception as error:
            with self.changed:
                self.failures.append(repr(error))
                self.changed.notify_all()

    def _start(self, instance: Instance) -> None:
        log = self.folder / f"{instance.number}.txt"
        context = process.running(self.contender.command, self.contender.environment, log)
        with self.lock:
            server = self.servers[instance] = self.stack.enter_context(context)
        server.first("/ready")
        with self.lock:
            self._act(self.fleet.ready(instance, self.now()))

    def _serve(self, instance: Instance) -> None:
        load.once(self.servers[instance], self.image)
        with self.changed:
            self._act(self.fleet.finish(instance, self.now()))
            self.open -= 1
            self.changed.notify_all()

    def _end(self) -> None:
        for instance in self.fleet.ended:
            # In the background, so that arrivals do not wait.
            self.pool.submit(process.stop, self.servers.pop(instance))
        self.fleet.ended.clear()
