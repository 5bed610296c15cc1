"""The service under attack, on this machine only: `make chaos`.

Prints a line for each scenario and writes tests/benchmarks/RELIABILITY.md; fails if a scenario
fails.
"""

import argparse
import dataclasses
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import machine, process
from tests.chaos import clients, report, scenarios
from tests.chaos.scenarios import Found, Place, Sizes
from tests.conftest import ROOT

REPORT = ROOT / "tests" / "benchmarks" / "RELIABILITY.md"
DESCRIPTORS = 4096


def attack(sizes: Sizes, only: list[str] | None = None) -> Iterator[Found]:
    """Run the scenarios one after the other."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < DESCRIPTORS:
        # For a thousand clients with a connection each.
        wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    with tempfile.TemporaryDirectory(prefix="lesionlens-chaos-") as folder:
        place = Place(Path(folder), clients.cases(), sizes)
        for scenario in scenarios.ALL:
            if not only or scenario.__name__ in only:
                yield scenarios.run(scenario, place)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--soak", type=float, default=Sizes.soak_s, help="seconds")
    parser.add_argument("--short", action="store_true", help="few requests, to try the scenarios")
    parser.add_argument("--only", nargs="*", help="names of scenarios (default: all)")
    parser.add_argument("--to", type=Path, default=REPORT, help="file for the report")
    options = parser.parse_args(arguments)
    if (options.only or options.short) and options.to == REPORT:
        parser.error("--only and --short need --to: a part is no report to keep")
    sizes = scenarios.SHORT if options.short else Sizes()
    if not options.short or options.soak != Sizes.soak_s:
        sizes = dataclasses.replace(sizes, soak_s=options.soak)
    process.end_on_sigterm()
    everything = []
    described = machine.describe()
    for found in attack(sizes, options.only):
        print(report.line(found), flush=True)
        everything.append(found)
    options.to.write_text(report.render(everything, described))
    return int(any(found.failures for found in everything))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted; nothing was written")
