"""The scenarios; each has its own server and returns its findings."""

import contextlib
import email.utils
import errno
import functools
import http.client
import os
import shutil
import signal
import statistics
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import emulator, releases
from tests import hostile as hostile_files
from tests.benchmarks import process
from tests.benchmarks.process import Running
from tests.chaos import clients
from tests.chaos.clients import Case, Crowd, Tally
from tests.chaos.gate import Gate

# An hour, a year, ten years.
CLOCK_JUMPS_S = (3600, -3600, 365 * 86_400, -3650 * 86_400, 0)
# Number of threads that a pool may start after the warm-up; a leak would exceed it.
LATE_THREADS = 2
# Permitted growth of memory in a soak test after the warm-up: in MiB, or this share.
GROWTH_MIB, GROWTH_SHARE = 24, 0.15
# Seconds until a server has closed the connections that its clients closed.
SETTLE_S = 10.0
# More clients than the server has threads (four for each core).
SLOW = 4 * (os.cpu_count() or 1) + 4
# Permitted wait of a request in seconds, beyond the time in which slow clients use all threads.
WAITS_S = 2.0
# Permitted response time in seconds for a normal client beside hostile ones.
BESIDE_S = 2.0
# Seconds until a request gives up on a store that hangs: timeout, retries, and a margin.
GIVES_UP_S = 30.0
# Concurrent uploads of the maximum size in the format that needs the most memory to decode, and the
# memory of an instance (MEMORY in infra/settings.sh).
LARGEST, MEMORY_MIB = 8, 1024
# Concurrent hostile clients, as many as an instance accepts requests.
HOSTILE = 8
# After an overload, the median for one client must be at most twice that before, plus some ms.
BACK_TO, BACK_PLUS_S, BACK_WITHIN_S = 2.0, 0.02, 10.0


@dataclass(frozen=True)
class Sizes:
    """Durations and counts. `SHORT` tries the scenarios: `python -m tests.chaos --short`."""

    soak_s: float = 600.0
    overload_s: float = 15.0
    overload_clients: int = 64
    kills: int = 3
    crowd: int = 1000
    slow_s: float = 4.0
    largest: tuple[int, int] = (5000, 5000)  # pixels
    hostile_bytes: int = 20_000_000
    hostile_rounds: int = 2
    patience: float = 1.0  # factor of every limit of a duration, for busy machines
    thorough: bool = True  # include checks that wait for timeouts


SHORT = Sizes(
    soak_s=4,
    overload_s=2,
    kills=1,
    crowd=150,
    slow_s=1,
    largest=(1000, 800),
    hostile_bytes=1_000_000,
    hostile_rounds=1,
    patience=8.0,
    thorough=False,
)


@dataclass
class Found:
    """Findings of a scenario; ``failures`` must be empty."""

    name: str
    tally: Tally = field(default_factory=Tally)
    facts: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    skipped: str = ""

    def expect(self, holds: bool, fact: str) -> None:
        """Record a check, as a failure if it does not hold."""
        self.facts.append(fact)
        if not holds:
            self.failures.append(fact)


@dataclass(frozen=True)
class Place:
    """The environment of a scenario: folder, requests and sizes."""

    folder: Path
    cases: list[Case]
    sizes: Sizes

    @property
    def photograph(self) -> Case:
        return next(case for case in self.cases if case.name == "jpeg")

    @contextmanager
    def server(
        self, *prefix: str, port: int | None = None, **environment: str
    ) -> Iterator[Running]:
        command = (*prefix, *process.function())
        log = self.folder / f"{time.monotonic_ns()}.txt"
        with process.running(command, environment, log, port) as running:
            yield running

    @contextmanager
    def warm(self, *prefix: str, **environment: str) -> Iterator[Running]:
        """Start a server and load its model."""
        with self.server(*prefix, port=None, **environment) as running:
            running.first("/ready")
            yield running


def soak(place: Place) -> Found:
    """Valid and invalid requests at full rate: all responses are right, and nothing leaks."""
    found = Found(f"soak, 8 clients, {place.sizes.soak_s:g} s")
    with place.warm() as server:
        # Warm-up: every thread of the pool works once, and every kind of image is processed.
        with Crowd(server.port, place.cases, 16) as warming:
            time.sleep(min(10.0, place.sizes.soak_s / 2))
        found.tally.add(warming)
        _quiet(server)
        before = (server.descriptors(), server.threads(), server.pss_mib())
        with Crowd(server.port, place.cases, 8) as tally:
            time.sleep(place.sizes.soak_s)
        found.tally.add(tally)
        _until(lambda: _quiet(server) and server.descriptors() <= before[0], SETTLE_S)
        after = (server.descriptors(), server.threads(), server.pss_mib())
        found.expect(after[0] <= before[0], f"file descriptors {before[0]} → {after[0]}")
        bound_threads = before[1] + LATE_THREADS
        found.expect(
            after[1] <= bound_threads, f"threads {before[1]} → {after[1]} (bound {bound_threads})"
        )
        bound = before[2] + max(GROWTH_MIB, GROWTH_SHARE * before[2])
        found.expect(
            after[2] <= bound,
            f"memory {before[2]:.0f} → {after[2]:.0f} MiB (bound {bound:.0f})",
        )
    found.facts.append(f"{len(tally.seconds) / place.sizes.soak_s:.0f} requests a second")
    return found


def overload(place: Place) -> Found:
    """Far more clients than threads: all are answered or refused, and the server recovers."""
    found = Found(f"overload, {place.sizes.overload_clients} clients")
    with place.warm() as server:
        usual = _median(server, place.photograph, found.tally)
        with Crowd(server.port, place.cases, place.sizes.overload_clients) as tally:
            time.sleep(place.sizes.overload_s)
        ended = time.monotonic()
        found.tally.add(tally)
        bound = BACK_TO * usual + BACK_PLUS_S
        while (now := _median(server, place.photograph, found.tally)) > bound:
            if time.monotonic() > ended + BACK_WITHIN_S * place.sizes.patience:
                break
        back = time.monotonic() - ended
        found.expect(
            now <= bound,
            f"latency {1000 * usual:.0f} ms before, {1000 * now:.0f} ms {back:.1f} s after",
        )
        slowest = max(tally.seconds)
        found.expect(slowest < clients.TIMEOUT_S / 2, f"slowest answer {slowest:.1f} s")
    return found


def _median(server: Running, case: Case, tally: Tally) -> float:
    own = Tally()
    for _ in range(15):
        clients.ask(server.port, case, own)
    tally.add(own)
    return statistics.median(own.seconds) if own.seconds else float("inf")


def worker_killed(place: Place) -> Found:
    """The worker is killed during requests: these are cut off, and answered when retried."""
    found = Found("worker killed in mid-request")
    with place.warm() as server:
        with Crowd(server.port, place.cases, 8, again=60) as tally:
            for _ in range(place.sizes.kills):
                time.sleep(1)
                (worker,) = _workers(server)
                os.kill(worker, signal.SIGKILL)
                _until(functools.partial(_others, server, worker), 30)
            time.sleep(2)
        found.tally.add(tally)
        found.expect(tally.cut > 0, f"{tally.cut} connections cut by {place.sizes.kills} kills")
    return found


def _others(server: Running, worker: int) -> set[int]:
    return _workers(server) - {worker}


def _workers(server: Running) -> set[int]:
    """Pids of gunicorn's workers; the first worker's fork server, their sibling, is left out."""
    return {pid for pid in _children(server.pid) if not _decodes(pid)}


def _decodes(pid: int) -> bool:
    """Whether a process is a fork server or a decoder."""
    try:
        return b"decoder_process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _children(*pids: int) -> set[int]:
    """Child processes of all threads of some processes."""
    found: set[int] = set()
    for pid in pids:
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found.update(map(int, path.read_text().split()))
    return found


def _until(holds: Callable[[], object], limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def terminated(place: Place) -> Found:
    """SIGTERM during requests, as when a platform stops an instance: these are still answered."""
    found = Found("terminated while requests run, and restarted")
    with place.warm() as server:
        threads = [
            threading.Thread(
                target=clients.send_slowly, args=(server.port, place.photograph, 2.0, found.tally)
            )
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        # By now, each request has a thread of the server, which reads from the client.
        time.sleep(1)
        found.expect(found.tally.sent == 0, f"{len(threads)} requests in flight at SIGTERM")
        server.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        found.expect(found.tally.answered == len(threads), f"{found.tally.answered} answered")
        ended = _until(lambda: server.process.poll() is not None, 30)
        found.expect(ended, "the server ended by itself")
        port = server.port
    with place.server(port=port) as again:
        again.first("/ready")
        clients.ask(port, place.photograph, found.tally)
    return found


def rude(place: Place) -> Found:
    """Clients that disconnect half-way or before the response, send slowly, or send garbage."""
    found = Found("clients that leave, dawdle, or send garbage")
    case = place.photograph
    with place.warm() as server:
        with Crowd(server.port, place.cases, 2) as tally:
            threads = [
                threading.Thread(
                    target=clients.send_slowly,
                    args=(server.port, case, place.sizes.slow_s, found.tally, True),
                )
                for _ in range(SLOW)
            ]
            for thread in threads:
                thread.start()
            for index in range(60):
                clients.leave_half_way(server.port, case)
                clients.leave_before_the_answer(server.port, case)
                clients.send_garbage(server.port, index)
            for thread in threads:
                thread.join()
        found.tally.add(tally)
        clients.ask(server.port, case, found.tally)
        found.facts.append(f"180 that left or sent garbage, {SLOW} slow ones, 2 that behave")
        # A slow sender occupies a thread: normal clients wait for one, and are answered.
        slowest = max(tally.seconds)
        found.expect(
            slowest < place.sizes.slow_s + WAITS_S * place.sizes.patience,
            f"slowest answer to those {slowest:.1f} s",
        )
        found.expect(_quiet(server), "no connection left open")
    return found


def _quiet(server: Running) -> bool:
    """Whether the server has no open client connections."""

    def none_connected() -> bool:
        port = f":{server.port:04X}"
        lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
        # Local address, remote address, state: 01 is ESTABLISHED, 08 is CLOSE_WAIT.
        rows = (line.split()[1:4] for line in lines)
        return not any(row[0].endswith(port) and row[2] in ("01", "08") for row in rows)

    return _until(none_connected, SETTLE_S)


def store_disappears(place: Place) -> Found:
    """The store disappears before, during and after loading the model."""
    found = Found("the store disappears before, during and after the load")
    store, away = place.folder / "store", place.folder / "away"
    case = place.photograph
    with place.server(MODEL_URI=store.as_uri()) as server:
        server.first("/health")
        clients.ask(server.port, case, found.tally)
        found.expect(found.tally.refused == 1, "before: refused with 503 and Retry-After")
        # The model disappears after the manifest was read.
        releases.copy(store, releases.VERSION)
        model = store / releases.VERSION / "model.tflite"
        model.rename(away)
        clients.ask(server.port, case, found.tally)
        found.expect(found.tally.refused == 2, "during: refused with 503 and Retry-After")
        away.rename(model)
        clients.ask(server.port, case, found.tally)
        found.expect(found.tally.answered == 1, "it is back: answered without a restart")
        shutil.rmtree(store)
        with Crowd(server.port, place.cases, 4) as tally:
            time.sleep(1)
        found.tally.add(tally)
        found.expect(tally.refused == 0, "after: answered as before")
    if place.sizes.thorough:
        _bucket_breaks_off(place, found)
    return found


def _bucket_breaks_off(place: Place, found: Found) -> None:
    """Emulated object storage that disconnects in the middle of the model, and then hangs there."""
    with emulator.running() as bucket, Gate(os.environ["STORAGE_EMULATOR_HOST"]) as gate:
        published = releases.copy(place.folder / "published", releases.VERSION)
        emulator.fill(bucket, published, "models")
        uri = f"gs://{emulator.BUCKET}/models"
        with place.server(MODEL_URI=uri, STORAGE_EMULATOR_HOST=gate.url) as server:
            server.first("/health")
            for how, behave in (("goes", gate.cut), ("hangs", gate.hang)):
                behave(after=1_000_000)
                refused, started = found.tally.refused, time.monotonic()
                clients.ask(server.port, place.photograph, found.tally, timeout=120)
                taken = time.monotonic() - started
                found.expect(
                    found.tally.refused == refused + 1 and taken < GIVES_UP_S,
                    f"object storage {how} in mid-model: 503 after {taken:.0f} s",
                )
                gate.open()
            answered = found.tally.answered
            clients.ask(server.port, place.photograph, found.tally)
            found.expect(found.tally.answered == answered + 1, "and is back: answered")


def largest(place: Place) -> Found:
    """Concurrent uploads of maximum size: they need no more memory than an instance has."""
    width, height = place.sizes.largest
    case = clients.largest(width, height)
    found = Found(f"{LARGEST} uploads of {width * height / 1e6:g} megapixels at a time")
    with place.warm() as server:
        with process.peak(server.pss_mib) as samples:
            clients.at_once(LARGEST, lambda _: clients.ask(server.port, case, found.tally))
        _quiet(server)
        found.expect(
            max(samples) < MEMORY_MIB,
            f"{len(case.body) / 1e6:.1f} MB of WebP each; memory {max(samples):.0f} MiB at most "
            f"(bound {MEMORY_MIB}), {server.pss_mib():.0f} MiB afterwards",
        )
    return found


def hostile(place: Place) -> Found:
    """Costly files of every kind, concurrently with normal clients."""
    found = Found("hostile files, all at once")
    requests = list(hostile_files.requests(place.sizes.hostile_bytes).items())
    usual = [place.photograph]
    with place.warm() as server:
        with Crowd(server.port, usual, 2):
            time.sleep(0.5)
        replaced: set[int] = set()
        slowest = 0.0

        def post(index: int) -> None:
            nonlocal slowest
            name, (body, media_type) = requests[index % len(requests)]
            started = time.monotonic()
            try:
                status, headers, _ = clients.post(server.port, body, media_type)
            except (OSError, http.client.HTTPException, ValueError) as error:
                found.tally.note("lost", f"{name}: {error!r}")
                return
            slowest = max(slowest, time.monotonic() - started)
            if status == 503 and "Retry-After" in headers:
                found.tally.note("refused")
            else:
                # Cheap ones are ordinary pictures.
                known = status in (200, 400, 413, 422)
                found.tally.note("answered" if known else "wrong", f"{name}: {status}")

        def watch() -> None:
            while not done.wait(0.05):
                replaced.update(_children(*filter(_decodes, server.pids())))

        done = threading.Event()
        watcher = threading.Thread(target=watch)
        watcher.start()
        with process.peak(server.pss_mib) as samples, Crowd(server.port, usual, 1) as tally:
            for _ in range(place.sizes.hostile_rounds):
                clients.at_once(min(HOSTILE, len(requests)), post)
                clients.at_once(len(requests), post)
        done.set()
        watcher.join()
        found.tally.add(tally)
        found.facts.append(
            f"{len(requests)} kinds of {place.sizes.hostile_bytes / 1e6:g} MB; slowest answer to "
            f"them {slowest:.1f} s; {len(replaced)} decoders came and went"
        )
        found.expect(
            max(samples) < MEMORY_MIB,
            f"memory {max(samples):.0f} MiB at most (bound {MEMORY_MIB})",
        )
        beside = max(tally.seconds, default=float("inf"))
        found.expect(
            beside < BESIDE_S * place.sizes.patience,
            f"slowest answer to a usual client {beside:.1f} s",
        )
        clients.ask(server.port, place.photograph, found.tally)
    return found


# In a mount namespace: a read-only file system with a temporary folder of 64 KiB.
_SEALED = """
mount --make-rprivate /
mount -t tmpfs -o size=64k tmpfs "$TMPDIR"
mount -o remount,bind,ro /
exec "$@"
"""


def sealed(place: Place) -> Found:
    """A full disk on a read-only file system: the model is kept in memory, no file is written."""
    found = Found("full disk on a read-only file system")
    unshare = ("unshare", "--user", "--map-root-user", "--mount")
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        found.skipped = "user namespaces are not allowed here"
        return found
    temporary = place.folder / "tmp"
    temporary.mkdir()
    with place.server(*unshare, "sh", "-ec", _SEALED, "sh", TMPDIR=str(temporary)) as server:
        server.first("/health")
        # gunicorn needs the folder when it starts, so the disk is filled after that, before the
        # model is loaded.
        inside = Path(f"/proc/{server.pid}/root")
        size = _fill(inside / str(temporary / "full").lstrip("/"))
        found.expect(size == 64 * 1024, f"temporary folder full after {size} bytes")
        try:
            (inside / "tmp" / "chaos").touch()
            found.expect(False, "the file system is writable")
        except OSError as error:
            found.expect(error.errno == errno.EROFS, f"elsewhere: {error.strerror}")
        # Werkzeug would write form parts above 500 kB to a temporary file.
        large = next(case for case in place.cases if case.name == "large form")
        clients.ask(server.port, large, found.tally)
        _loaded_once(server, found)
        with Crowd(server.port, place.cases, 4) as tally:
            time.sleep(1)
        found.tally.add(tally)
    return found


def _fill(path: Path) -> int:
    """Write until the disk is full; return the size."""
    written = 0
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            written += file.write(bytes(4096))
    return written


def clock(place: Place) -> Found:
    """The clock jumps during requests: forwards, backwards, and by years."""
    found = Found("the clock jumps")
    compiler = shutil.which("cc")
    if compiler is None:
        found.skipped = "no C compiler is installed (cc), with which to set a server's clock"
        return found
    library, offset = place.folder / "clock.so", place.folder / "offset"
    source = str(Path(__file__).with_name("clock.c"))
    command = [compiler, "-shared", "-fPIC", "-o", str(library), source, "-ldl"]
    subprocess.run(command, check=True)
    offset.write_text("0")
    preload = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(offset)}
    with place.warm(**preload) as server:
        with Crowd(server.port, place.cases, 4) as tally:
            for seconds in CLOCK_JUMPS_S:
                offset.write_text(str(seconds))
                date = _date(server)
                off = abs(date - (time.time() + seconds))
                found.expect(off < 60, f"{seconds / 3600:+g} h")
                time.sleep(0.3)
        found.tally.add(tally)
    return found


def _date(server: Running) -> float:
    """The server's current time, from the header Date."""
    url = f"http://127.0.0.1:{server.port}/health"
    with urllib.request.urlopen(url, timeout=clients.TIMEOUT_S) as answer:
        return email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()


def two_starts(place: Place) -> Found:
    """Two instances start from one store at the same time."""
    found = Found("two cold starts at the same moment")
    store = releases.copy(place.folder / "shared", releases.VERSION).as_uri()
    with place.server(MODEL_URI=store) as one, place.server(MODEL_URI=store) as other:
        ports = (one.port, other.port)
        for server in (one, other):
            server.first("/health")
        clients.at_once(
            16, lambda index: clients.ask(ports[index % 2], place.photograph, found.tally)
        )
        for server in (one, other):
            _loaded_once(server, found)
    return found


def thousand_first(place: Place) -> Found:
    """Concurrent first requests load the model exactly once."""
    found = Found(f"{place.sizes.crowd} concurrent first requests")
    good = clients.good(place.cases)
    with place.server() as server:
        server.first("/health")
        clients.at_once(
            place.sizes.crowd,
            lambda index: clients.ask(server.port, good[index % len(good)], found.tally),
        )
        _loaded_once(server, found)
    return found


def _loaded_once(server: Running, found: Found) -> None:
    loads = server.log.read_text().count('"model loaded"')
    found.expect(loads == 1, f"model loaded {loads} time{'s' if loads != 1 else ''}")


ALL: Sequence[Callable[[Place], Found]] = (
    thousand_first,
    two_starts,
    overload,
    worker_killed,
    terminated,
    rude,
    store_disappears,
    sealed,
    clock,
    largest,
    hostile,
    soak,
)


def run(scenario: Callable[[Place], Found], place: Place) -> Found:
    """Run a scenario; wrong or lost responses are always failures."""
    with contextlib.ExitStack() as stack:
        folder = place.folder / scenario.__name__
        folder.mkdir(parents=True)
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        found = scenario(Place(folder, place.cases, place.sizes))
    tally = found.tally
    for count, what in ((tally.wrong, "wrong"), (tally.lost, "lost")):
        if count:
            found.failures.append(f"{count} {what}")
    if tally.sent != tally.answered + tally.refused + tally.wrong + tally.lost:
        found.failures.append("not every request is accounted for")
    if found.failures:
        found.failures += [f"{count}× {remark}" for remark, count in tally.remarks.most_common(5)]
    return found
