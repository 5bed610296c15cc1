"""Checks the function's dependencies for known vulnerabilities, with pip-audit.

    python infra/audit_dependencies.py [SERVICE]

SERVICE is pypi (the default) or osv. Exits 1 for a vulnerability. A service that cannot be reached,
or that does not know a version, is reported and is not a failure.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

FUNCTION = Path(__file__).parents[1] / "function"
SERVICES = ("pypi", "osv")


def main(arguments: list[str]) -> int:
    """Audit the function's locked requirements; return pip-audit's exit status."""
    service = arguments[0] if arguments else "pypi"
    if service not in SERVICES:
        sys.exit(f"the service is {service!r}; accepted are {' and '.join(SERVICES)}.")
    # All dependencies are pinned: nothing is resolved or installed.
    command = [sys.executable, "-m", "pip_audit", "--format=json", "--progress-spinner=off"]
    command += ["--no-deps", "--disable-pip", f"--vulnerability-service={service}"]
    command += ["--requirement", str(FUNCTION / "requirements.txt")]
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.stdout.strip():
        reason = (done.stderr.strip() or "no reason given").splitlines()[-1]
        if "Connection" not in reason:
            sys.exit(f"pip-audit failed: {reason}")
        print(f"NOT AUDITED: {service} cannot be reached from here ({reason})")
        return 0
    return report(json.loads(done.stdout)["dependencies"], service)


def report(dependencies: list[dict[str, Any]], service: str) -> int:
    """Print the findings and the failed look-ups; return the exit status."""
    unknown = sorted(each["name"] for each in dependencies if "skip_reason" in each)
    affected = {each["name"]: each["vulns"] for each in dependencies if each.get("vulns")}
    for name, found in affected.items():
        for each in found:
            print(f"{name}: {each['id']}, fixed in {', '.join(each['fix_versions']) or 'none yet'}")
    known = len(dependencies) - len(unknown)
    print(f"{known} of {len(dependencies)} dependencies audited, {len(affected)} with findings")
    if unknown:
        print(f"NOT AUDITED, unknown to {service} or out of reach: {', '.join(unknown)}")
    return 1 if affected else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
