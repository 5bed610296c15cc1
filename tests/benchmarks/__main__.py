"""Measures the service, the paper's implementation and other servers side by side: `make bench`.

Writes results.json, RESULTS.md, the plots, README.md's block and infra/CAPACITY.md; takes less than
ten minutes on two cores. If other processes use the machine, figures would be meaningless: the exit
status is 75, and nothing is written.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import emulator
from tests.benchmarks import (
    capacity,
    contenders,
    floor,
    inputs,
    instances,
    load,
    machine,
    models,
    plots,
    process,
    report,
    summary,
)
from tests.benchmarks.contenders import OURS, Contender
from tests.conftest import ROOT

HERE = Path(__file__).parent
RESULTS, REPORT = HERE / "results.json", HERE / "RESULTS.md"
README, CAPACITY = HERE / "README.md", ROOT / "infra" / "CAPACITY.md"
CLASSIFY = "/v1/classify"
# A measurement lasts until each client has this many responses, within a limit.
ANSWERS_A_CLIENT = 3
# Seconds of load in a measurement that is no headline figure.
SHORT_S = 1.0
CALM_S = 60.0  # seconds for which a round waits for an idle machine
EXIT_BUSY = 75  # EX_TEMPFAIL of sysexits.h: try again later


class BusyError(Exception):
    """Other processes use the machine; the message says how much of it."""


@contextmanager
def workplace() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="lesionlens-bench-") as folder:
        yield Path(folder)


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Measure everything; return the content of results.json."""
    if not load.available():
        raise load.LoadError(load.MISSING)
    results: dict[str, Any] = {"machine": machine.describe(), "rounds": options.rounds}
    say(f"{results['machine']['processor']}, VNNI: {results['machine']['vnni']}")
    results["machine"]["busy"] = _calm(options)
    say("preparing the models")
    places = {name: folder / name for name in ("inputs", "logs", "models")}
    for place in places.values():
        place.mkdir()
    if options.models:
        shutil.copytree(options.models, places["models"], dirs_exist_ok=True)
    else:
        _prepare(options, places["models"])
    results["models"] = json.loads((places["models"] / models.ABOUT).read_text())
    files, results["inputs"] = inputs.make()
    for name, data in files.items():
        (places["inputs"] / name).write_bytes(data)
    line_up = contenders.line_up(places["models"])
    if options.only:
        line_up = [one for one in line_up if one.name in options.only]
    results["contenders"] = {
        one.name: {
            "title": one.title,
            "bytes": contenders.deployed_bytes(one),
            **{field: [] for field in ("first_s", "store_s", "idle_mib")},
            "cells": {},
        }
        for one in line_up
    }
    results["floor"] = {"engines": {}, "decoder": {}, "ways": {}}
    with emulator.running() as bucket:
        stored = next(one for one in line_up if one.name == OURS)
        emulator.fill(bucket, stored.store, "models")
        say("each once, uncounted")
        for one in line_up:
            _first(one, files[inputs.JPEG], places["logs"])
        for index in range(options.rounds):
            results["machine"]["busy"] = max(results["machine"]["busy"], _calm(options))
            for one in line_up if index % 2 == 0 else reversed(line_up):
                say(f"round {index + 1} of {options.rounds}: {one.title}")
                _contend(one, files, results["contenders"][one.name], options, places["logs"])
            _floor(places, results["floor"])
        results["scaling"] = instances.measure(stored, files[inputs.JPEG], places["logs"], say)
    return results


def _calm(options: argparse.Namespace) -> float:
    """Return the share of the machine that others use. Raises BusyError if it is too large."""
    share = machine.busy() if options.busy else machine.wait_for_calm(CALM_S)
    if share > machine.MOST_BUSY and not options.busy:
        raise BusyError(
            f"others use {share:.0%} of the processor, at most {machine.MOST_BUSY:.0%} are "
            "accepted; end what else runs, or measure with --busy --to FOLDER"
        )
    return share


def _prepare(options: argparse.Namespace, folder: Path) -> None:
    # In a new process, to keep TensorFlow's memory and threads out of this one.
    command = [sys.executable, "-m", "tests.benchmarks.models", str(folder)]
    for name in ("keras", "variants"):
        if (value := getattr(options, name)) is not None:
            command += [f"--{name}", str(value)]
    run(command)


def run(command: list[str]) -> str:
    """Run a part of this benchmark in a process. Raises LoadError with its output if it fails."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise load.LoadError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def _contend(
    one: Contender,
    files: dict[str, bytes],
    entry: dict[str, Any],
    options: argparse.Namespace,
    logs: Path,
) -> None:
    """One round of a contender: start-ups, then every measurement on the last server."""
    for _ in range(options.starts - 1):
        entry["first_s"].append(_first(one, files[inputs.JPEG], logs))
    if one.name == OURS:
        for _ in range(options.starts):
            uri = {"MODEL_URI": f"gs://{emulator.BUCKET}/models"}
            entry["store_s"].append(_first(one, files[inputs.JPEG], logs, uri))
    body, media_type = inputs.form(files[inputs.JPEG])
    with process.running(one.command, one.environment, logs / f"{one.name}.txt") as server:
        entry["first_s"].append(server.first(CLASSIFY, body, media_type))
        entry["idle_mib"].append(server.pss_mib())
        single = load.post(server.url, files[inputs.JPEG], 2, options.seconds)  # not counted
        # In ascending order, as a server may keep the memory that it once needed.
        cells: list[tuple[str, int]] = list(summary.BRIEF)
        if one.whole:
            cells = [key for key in summary.CELLS if key[0] == inputs.JPEG]
            cells += [(name, summary.FEW) for name in inputs.SIZES]
            cells += summary.CELLS
        for name, clients in dict.fromkeys(cells):
            least = options.seconds if (name, clients) in summary.BRIEF else SHORT_S
            seconds = least
            if clients != summary.FEW:
                seconds = max(least, ANSWERS_A_CLIENT * clients / single.rate)
            # Waits until the server has finished the requests of clients that have disconnected.
            server.ask(CLASSIFY, body, media_type)
            with process.peak(server.pss_mib) as samples:
                found = load.post(server.url, files[name], clients, min(seconds, load.LONGEST_S))
            if clients == summary.FEW:
                single = found
            measured = found.as_dict() | {"peak_mib": max(samples)}
            entry["cells"].setdefault(summary.cell(name, clients), []).append(measured)


def _first(one: Contender, image: bytes, logs: Path, more: dict[str, str] | None = None) -> float:
    """Seconds from the start of a server to its first response."""
    body, media_type = inputs.form(image)
    with process.running(
        one.command, {**one.environment, **(more or {})}, logs / f"{one.name}.txt"
    ) as server:
        return server.first(CLASSIFY, body, media_type)


def _floor(places: dict[str, Path], results: dict[str, dict[str, list[float]]]) -> None:
    command = [sys.executable, "-m", floor.__name__, str(places["models"]), str(places["inputs"])]
    for part, figures in json.loads(run(command).splitlines()[-1]).items():
        for name, milliseconds in figures.items():
            results[part].setdefault(name, []).append(milliseconds)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def write(results: dict[str, Any], folder: Path) -> None:
    """Write the files generated from the results; README and CAPACITY.md only for real results."""
    (folder / RESULTS.name).write_text(json.dumps(results, indent=1) + "\n")
    (folder / REPORT.name).write_text(report.render(results))
    plots.draw(results, folder)
    if folder == HERE:
        README.write_text(report.write_headline(README.read_text(), results))
        CAPACITY.write_text(capacity.render(results))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--starts", type=int, default=2, help="cold starts a round")
    parser.add_argument("--seconds", type=float, default=2.0, help="of load in each cell, at least")
    parser.add_argument("--keras", type=Path, help="the trained network (default: that of a run)")
    parser.add_argument("--variants", type=Path, help="folder of more variants (NAME.tflite)")
    parser.add_argument("--models", type=Path, help="folder with what .models has prepared before")
    parser.add_argument("--only", nargs="*", help="contenders (default: all)")
    parser.add_argument("--busy", action="store_true", help="measure whatever else runs")
    parser.add_argument("--to", type=Path, default=HERE, help="folder for what is written")
    options = parser.parse_args(arguments)
    if (options.only or options.busy) and options.to == HERE:
        parser.error("--only and --busy need --to: a part is no benchmark to keep")
    process.end_on_sigterm()
    with workplace() as folder:
        results = measure(options, folder)
    if options.only:
        (options.to / RESULTS.name).write_text(json.dumps(results, indent=1) + "\n")
    else:
        write(results, options.to)
    if options.only or results["machine"]["busy"] > machine.MOST_BUSY:
        say("no goals are judged: a part was measured, or others used the machine")
        return
    for goal in summary.goals(results):
        say(f"{'met    ' if goal.met else 'NOT MET'} {goal.text}: {goal.reached}")


if __name__ == "__main__":
    try:
        main()
    except BusyError as error:
        print(f"the machine is busy: {error}; nothing was written", file=sys.stderr)
        sys.exit(EXIT_BUSY)
    except (load.LoadError, RuntimeError) as error:
        sys.exit(f"the benchmark failed: {error}")
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing was written")
