"""Compares a candidate revision with the serving revision by their logs.

    gcloud logging read FILTER --format=json |
      python3 infra/judge.py CANDIDATE SERVING --requests N

Prints a line for each revision and the verdict. Exit status: 0 not worse, 1 worse, 3 too few
requests.

Worse means: the share of server errors is larger than the serving revision's and above 1%; or the
95th percentile of classification times is more than 1.5 times the serving revision's and over 100
ms longer. Without a baseline, both revisions need N classifications. An error in the log that
belongs to no request, such as that of a killed process, counts as a failed request.
"""

import argparse
import json
import math
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ERROR_SHARE = 0.01
SLOWER_FACTOR, SLOWER_SECONDS = 1.5, 0.1
# Severities of Cloud Logging from ERROR upwards.
SERIOUS = {"ERROR", "CRITICAL", "ALERT", "EMERGENCY"}
GOOD, WORSE, TOO_FEW = 0, 1, 3


@dataclass(frozen=True)
class Record:
    """Statistics of a revision in one period, from the log."""

    requests: int
    errors: int
    classifications: int
    p95_s: float | None

    @property
    def error_share(self) -> float:
        """Share of requests that failed; 0 without requests."""
        return self.errors / max(1, self.requests)


def record(entries: Iterable[dict[str, Any]], revision: str) -> Record:
    """Summarize the log entries (LogEntry as JSON) of one revision."""
    requests = errors = 0
    seconds = []
    for entry in entries:
        if entry.get("resource", {}).get("labels", {}).get("revision_name") != revision:
            continue
        request = entry.get("httpRequest", {})
        status = int(request.get("status", 0))
        if status:
            requests += 1
            errors += status >= 500
            if status < 500 and request.get("requestUrl", "").partition("?")[0] == "/v1/classify":
                seconds.append(float(request.get("latency", "0s").rstrip("s")))
        elif entry.get("severity") in SERIOUS:
            requests += 1
            errors += 1
    seconds.sort()
    p95 = seconds[math.ceil(0.95 * len(seconds)) - 1] if seconds else None
    return Record(requests, errors, len(seconds), p95)


def judge(candidate: Record, serving: Record, requests: int, baseline: bool) -> tuple[int, str]:
    """Return exit status and reason. ``baseline``: serving's record is of an earlier period."""
    if candidate.error_share > max(ERROR_SHARE, serving.error_share):
        return WORSE, f"{candidate.errors} of {candidate.requests} requests failed"
    if candidate.classifications < requests:
        return TOO_FEW, f"{candidate.classifications} classifications, {requests} are needed"
    if not baseline and serving.classifications < requests:
        return TOO_FEW, f"{serving.classifications} by the serving one, {requests} are needed"
    if candidate.p95_s is not None and serving.p95_s is not None:
        limit = max(SLOWER_FACTOR * serving.p95_s, serving.p95_s + SLOWER_SECONDS)
        if candidate.p95_s > limit:
            return WORSE, f"the 95th percentile is {candidate.p95_s:.3f} s, at most {limit:.3f} s"
    return GOOD, "as good as the serving revision"


def main(arguments: list[str]) -> int:
    """Compare the candidate with the serving revision; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("candidate")
    parser.add_argument("serving")
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--baseline", type=Path, help="the serving revision's record from before")
    parser.add_argument("--write-baseline", type=Path, help="where to write its record of now")
    options = parser.parse_args(arguments)
    entries = json.load(sys.stdin)
    candidate, serving = (record(entries, name) for name in (options.candidate, options.serving))
    if options.write_baseline:
        options.write_baseline.write_text(json.dumps(asdict(serving)))
    if options.baseline:
        serving = Record(**json.loads(options.baseline.read_text()))
    for name, each in ((options.candidate, candidate), (options.serving, serving)):
        p95 = "none" if each.p95_s is None else f"{each.p95_s:.3f} s"
        print(f"{name}: {each.requests} requests, {each.errors} failed, p95 {p95}")
    status, reason = judge(candidate, serving, options.requests, options.baseline is not None)
    print(f"{options.candidate}: {reason}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
