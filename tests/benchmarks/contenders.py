"""The contenders: commands that start the servers, and the files of their deployments."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from tests import releases, requirements
from tests.benchmarks import models, process
from tests.conftest import ROOT

FUNCTION = ROOT / "function"
# As chosen by functions-framework.
THREADS = 4 * (os.cpu_count() or 1)
BENCHMARKS = Path(__file__).parent

# In a separate environment: requirements-peers.txt.
PEERS = ROOT / ".venv-peers"

OURS, PAPER, COMPILED, ONNX, LITSERVE = "ours", "paper", "compiled", "onnx", "litserve"


@dataclass(frozen=True)
class Contender:
    name: str
    title: str
    command: tuple[str, ...]
    environment: dict[str, str]
    # Content of a deployment: distributions with their dependencies, files and folders.
    requirements: tuple[str, ...]
    deployed: tuple[Path, ...]
    # Variables for loading the release from object storage, if the contender can.
    store: Path | None = None
    whole: bool = field(default=False)  # True: all measurements; False: the two for comparison
    packages: tuple[Path, ...] = ()  # folders of its packages, if not in this environment


def line_up(folder: Path) -> list[Contender]:
    """The contenders with the models in ``folder`` (see models.py), ours first."""
    about = json.loads((folder / models.ABOUT).read_text())
    served = about["served"]
    needed = tuple(requirements.direct())
    network = folder / f"{served}{models.TFLITE}"
    store = releases.copy(folder / "stores" / OURS, model=network.read_bytes())
    found = [_ours(OURS, f"ours, {served}", FUNCTION / "main.py", store, needed)]
    graph = (folder / models.ONNX).read_bytes()
    found.append(
        _ours(
            ONNX,
            f"ours with ONNX Runtime, {served}",
            BENCHMARKS / "onnx_main.py",
            releases.copy(folder / "stores" / ONNX, model=graph),
            (*(name for name in needed if name != "ai-edge-litert"), "onnxruntime"),
        )
    )
    known = {"CLASSES": ",".join(about["classes"]), "SIZE": str(about["size"])}
    if (python := PEERS / "bin" / "python").is_file():
        peer = BENCHMARKS / "litserve_peer.py"
        found.append(
            Contender(
                LITSERVE,
                f"LitServe, {served}",
                command=(str(python), str(peer), "{port}"),
                environment={**known, "MODEL": str(network)},
                requirements=(
                    "litserve",
                    "python-multipart",
                    "ai-edge-litert",
                    "pillow",
                    "pi-heif",
                ),
                deployed=(peer, network),
                packages=tuple(PEERS.glob("lib/python3*/site-packages")),
            )
        )
    plain = ("flask", "gunicorn", "tensorflow-cpu", "keras", "pillow", "pi-heif")
    for name, title, engine, model in (
        (COMPILED, "tf.function on the SavedModel", "compiled", models.SAVED),
        (PAPER, "the paper's way: Flask and model.predict", "predict", models.KERAS),
    ):
        found.append(
            Contender(
                name,
                title,
                command=_gunicorn("tests.benchmarks.reference:app"),
                environment={
                    **known,
                    "ENGINE": engine,
                    "MODEL": str(folder / model),
                    "TF_CPP_MIN_LOG_LEVEL": "2",
                },
                requirements=plain,
                deployed=(BENCHMARKS / "reference.py", folder / model),
                whole=name == PAPER,
            )
        )
    return found


def _ours(name: str, title: str, source: Path, store: Path, needed: tuple[str, ...]) -> Contender:
    return Contender(
        name,
        title,
        command=process.function(source),
        environment={"MODEL_URI": store.as_uri(), "WEB_DIR": str(ROOT / "web")},
        requirements=needed,
        deployed=(FUNCTION, store),
        store=store,
        whole=name == OURS,
    )


def _gunicorn(application: str) -> tuple[str, ...]:
    # As run by functions-framework: one worker, which loads the application itself.
    return (
        *(sys.executable, "-m", "gunicorn", "--workers", "1", "--threads", str(THREADS)),
        *("--timeout", "0", "--bind", "127.0.0.1:{port}", application),
    )


def closure(names: Iterable[str], packages: Sequence[Path] = ()) -> set[str]:
    """Installed distributions with their dependencies, by canonical name.

    ``packages``: folders to look in, by default those of this interpreter.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in names]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            needs = _distribution(name, packages).requires or []
        except metadata.PackageNotFoundError:
            continue  # optional, or excluded by an environment marker
        found.add(name)
        for line in needs:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                waiting.append(canonicalize_name(need.name))
    return found


def deployed_bytes(contender: Contender) -> int:
    """Size of a contender's deployment on disk, without the Python interpreter."""
    needed = closure(contender.requirements, contender.packages)
    total = sum(_distribution_bytes(name, contender.packages) for name in needed)
    return total + sum(_bytes(path) for path in contender.deployed)


def _distribution(name: str, packages: Sequence[Path]) -> metadata.Distribution:
    """Find an installed distribution. Raises PackageNotFoundError."""
    if not packages:
        return metadata.distribution(name)
    found = metadata.distributions(name=name, path=[str(folder) for folder in packages])
    if (one := next(iter(found), None)) is None:
        raise metadata.PackageNotFoundError(name)
    return one


def _distribution_bytes(name: str, packages: Sequence[Path]) -> int:
    total = 0
    for file in _distribution(name, packages).files or []:
        path = Path(str(file.locate()))
        # Compiled modules may or may not exist.
        if path.suffix != ".pyc" and path.is_file():
            total += path.stat().st_size
    return total


def _bytes(path: Path) -> int:
    if path.is_file():
        return path.stat().st_size
    files = (file for file in path.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return sum(file.stat().st_size for file in files)
