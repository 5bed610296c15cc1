"""Load from wrk: clients that send one image repeatedly, each without pause."""

import json
import shutil
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.inputs import form
from tests.benchmarks.process import Running

SCRIPT = Path(__file__).with_name("post.lua")
TIMEOUT_S = 60
# Maximum seconds of a measurement, which is extended until each client has a few responses.
ANSWERS_A_CLIENT, LONGEST_S = 1, 10.0
MISSING = "wrk is not installed (Debian's package wrk)"


class LoadError(Exception):
    """Load could not be generated, or its result is not a valid measurement."""


@dataclass(frozen=True)
class Load:
    """The result of a period under load. ``refused``: responses other than 2xx and 3xx."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    requests: int
    seconds: float
    refused: int
    broken: int

    @property
    def rate(self) -> float:
        """Images per second."""
        return self.requests / self.seconds

    def as_dict(self) -> dict[str, float]:
        return asdict(self) | {"rate": self.rate}


def parse(output: str) -> Load:
    """Parse the output of post.lua. Raises LoadError."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if len(lines) != 1:
        raise LoadError(f"wrk printed no result:\n{output[-2000:]}")
    return Load(**json.loads(lines[0]))


def once(server: Running, image: bytes) -> float:
    """Seconds until the server has classified an image. Raises LoadError if it does not."""
    body, media_type = form(image)
    started = time.perf_counter()
    status, answer = server.ask("/v1/classify", body, media_type)
    if status != 200:
        raise LoadError(f"the server answered {status}: {answer}")
    return time.perf_counter() - started


def available() -> bool:
    return shutil.which("wrk") is not None


def post(url: str, image: bytes, clients: int, seconds: float) -> Load:
    """Load a server for some seconds, or longer if there are too few responses.

    Raises LoadError unless every request got its image classified.
    """
    found = attack(url, image, clients, seconds)
    for longer in (LONGEST_S, 4 * LONGEST_S):
        if found.requests >= ANSWERS_A_CLIENT * clients or seconds >= longer:
            break
        found = attack(url, image, clients, longer)
    return complete(url, clients, found)


def complete(url: str, clients: int, measured: Load) -> Load:
    """Return the load. Raises LoadError unless every request got its image classified."""
    if measured.refused or measured.broken or not measured.requests:
        raise LoadError(
            f"{url} with {clients} clients: {measured.requests} answered, of which "
            f"{measured.refused} refused; {measured.broken} broken"
        )
    return measured


def attack(url: str, image: bytes, clients: int, seconds: float) -> Load:
    """Like `post` for a server that may reject requests."""
    if not available():
        raise LoadError(MISSING)
    body, media_type = form(image)
    with tempfile.NamedTemporaryFile() as file:
        file.write(body)
        file.flush()
        command = ["wrk", "--threads", "1", "--connections", str(clients)]
        command += ["--duration", f"{max(1, round(seconds))}s", "--timeout", f"{TIMEOUT_S}s"]
        command += ["--script", str(SCRIPT), f"{url}/v1/classify", "--", file.name, media_type]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + TIMEOUT_S)
    if done.returncode:
        raise LoadError(f"wrk failed: {done.stderr or done.stdout}")
    return parse(done.stdout)
