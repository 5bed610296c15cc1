"""Files for gcloud (alerts, metrics, routes, lifecycles), parsed as the APIs' own messages.

gcloud ships these message types; its linter does not read files.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

TYPES = {
    "monitoring/alert-*.yaml": ("monitoring.v3", "AlertPolicy"),
    "monitoring/metric-*.yaml": ("logging.v2", "LogMetric"),
    "monitoring/dashboard.yaml": ("monitoring.v1", "Dashboard"),
    "triggers/*.yaml": ("cloudbuild.v1", "BuildTrigger"),
    "origin/*.yaml": ("compute.v1", "UrlMap"),
    "lifecycle/models.json": ("storage.v1", "Bucket.LifecycleValue"),
    "lifecycle/build.json": ("storage.v1", "Bucket.LifecycleValue"),
}

# Reads [[api, version, message, value], …]; writes the unknown fields of each.
PARSE = """
import functools, importlib, json, sys
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/third_party"]
from apitools.base.py import encoding
def unknown(message, way=""):
    yield from (way + name for name in message.all_unrecognized_fields())
    for field in message.all_fields():
        value = getattr(message, field.name)
        for one in value if isinstance(value, list) else [value]:
            if hasattr(one, "all_unrecognized_fields"):
                yield from unknown(one, way + field.name + ".")
found = []
for api, version, name, value in json.load(sys.stdin):
    path = f"googlecloudsdk.generated_clients.apis.{api}.{version}.{api}_{version}_messages"
    kind = functools.reduce(getattr, name.split("."), importlib.import_module(path))
    found.append(list(unknown(encoding.PyValueToMessage(kind, value))))
print(json.dumps(found))
"""


def unknown(gcloud: str, values: list[tuple[str, str, Any]]) -> list[list[str]]:
    library = Path(gcloud).resolve().parents[1] / "lib"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PARSE, str(library)],
        input=json.dumps([[*api.split("."), name, value] for api, name, value in values]),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read(path: Path) -> Any:
    """Read a template, with placeholders replaced."""
    return yaml.safe_load(re.sub("@INSTANCES_ALERT@", "9", path.read_text()).replace("@", "x"))


@pytest.mark.parametrize("pattern", TYPES)
def test_a_file_holds_only_what_its_type_knows(pattern: str, gcloud: str, repository: Path) -> None:
    files = sorted((repository / "infra").glob(pattern))

    found = unknown(gcloud, [(*TYPES[pattern], read(path)) for path in files])

    assert files
    assert {path.name: names for path, names in zip(files, found, strict=True) if names} == {}


def test_planted_misspellings_are_found(gcloud: str, repository: Path) -> None:
    infra = repository / "infra"
    alert = read(infra / "monitoring" / "alert-availability.yaml")
    alert["conditions"][0]["conditionThreshold"]["treshold"] = 1
    routes = read(infra / "origin" / "url-map.yaml")
    routes["pathMatchers"][0]["pathRule"] = []
    lifecycle = read(infra / "lifecycle" / "models.json")
    lifecycle["rule"][0]["condition"]["isLife"] = False

    found = unknown(
        gcloud,
        [
            (*TYPES["monitoring/alert-*.yaml"], alert),
            (*TYPES["origin/*.yaml"], routes),
            (*TYPES["lifecycle/models.json"], lifecycle),
        ],
    )

    assert [[name.split(".")[-1] for name in names] for names in found] == [
        ["treshold"],
        ["pathRule"],
        ["isLife"],
    ]


def test_alerts_and_dashboard_name_metrics_that_exist(repository: Path) -> None:
    folder = repository / "infra" / "monitoring"
    made = {path.stem.removeprefix("metric-") for path in folder.glob("metric-*.yaml")}
    text = "".join(path.read_text() for path in folder.glob("*.yaml"))
    bootstrap = (repository / "infra" / "bootstrap.sh").read_text()

    assert set(re.findall(r"user/@SERVICE@_(\w+)", text)) == made
    assert set(re.search(r"for metric in ([a-z_ ]+);", bootstrap)[1].split()) == made
    alerts = set(re.search(r"for policy in ([a-z -]+);", bootstrap)[1].split())
    assert {path.stem.removeprefix("alert-") for path in folder.glob("alert-*")} == alerts
    runbook = (
        (repository / "infra" / "README.md").read_text().partition("## When an alert fires")[2]
    )
    for alert in alerts:
        assert f"\n| {alert} |" in runbook
        assert f"infra/README.md, {alert}." in (folder / f"alert-{alert}.yaml").read_text()


def test_metrics_read_fields_that_the_function_logs(repository: Path) -> None:
    logged = (repository / "function" / "lesionlens" / "api" / "app.py").read_text()
    metrics = "".join(
        path.read_text() for path in (repository / "infra" / "monitoring").glob("metric-*")
    )

    assert 'jsonPayload.message="model loaded"' in metrics
    assert '"model loaded"' in logged
    for field in set(re.findall(r"httpRequest\.(\w+)", metrics)):
        assert f'"{field}"' in logged


def routed(rules: dict[str, Any], path: str) -> tuple[str, str]:
    """Return the backend of a path and the rewritten path, as documented by the API.

    The rule with the lowest priority number applies; pathPrefixRewrite replaces the matched prefix.
    """
    for rule in sorted(rules["routeRules"], key=lambda rule: int(rule["priority"])):
        for match in rule["matchRules"]:
            full, prefix = match.get("fullPathMatch"), match.get("prefixMatch")
            if path == full or (prefix and path.startswith(prefix)):
                if "urlRedirect" in rule:
                    return "redirect", rule["urlRedirect"]["pathRedirect"]
                rewrite = rule.get("routeAction", {}).get("urlRewrite", {})
                matched = full or prefix
                path = rewrite.get("pathPrefixRewrite", matched) + path.removeprefix(matched)
                return rule["service"].rpartition("/")[2], path
    return rules["defaultService"].rpartition("/")[2], path


def test_addresses_of_the_api_lead_to_the_function_and_the_bucket_is_asked_for_files_only(
    repository: Path,
) -> None:
    routes = read(repository / "infra" / "origin" / "url-map.yaml")
    web = repository / "web"
    for rules in routes["pathMatchers"]:
        for page in web.rglob("index.html"):
            file = f"/{page.relative_to(web)}"
            folder = file.removesuffix("index.html")
            assert routed(rules, folder) == ("xSERVICEx-web", file)
            if folder != "/":
                assert routed(rules, folder.rstrip("/")) == ("redirect", folder)
        for path in ("/style.css", "/v1", "/healthy"):
            assert routed(rules, path) == ("xSERVICEx-web", path)
        function = "function" if rules["name"] == "live" else "candidate"
        for path in json.loads((repository / "function" / "openapi.json").read_text())["paths"]:
            assert routed(rules, path) == (f"xSERVICEx-{function}", path)


def test_the_tests_in_the_routes_hold(repository: Path) -> None:
    routes = read(repository / "infra" / "origin" / "url-map.yaml")
    matchers = {rules["name"]: rules for rules in routes["pathMatchers"]}
    hosts = {rule["hosts"][0]: matchers[rule["pathMatcher"]] for rule in routes["hostRules"]}

    assert {test["host"] for test in routes["tests"]} == set(hosts)
    for test in routes["tests"]:
        backend, path = routed(hosts[test["host"]], test["path"])
        assert test["service"].endswith(f"/{backend}")
        assert test.get("expectedOutputUrl", path).endswith(path)


def test_a_page_that_does_not_exist_is_told_in_html_and_an_address_of_the_api_in_json(
    repository: Path,
) -> None:
    routes = read(repository / "infra" / "origin" / "url-map.yaml")
    for rules in routes["pathMatchers"]:
        assert "defaultCustomErrorResponsePolicy" not in rules
        for rule in rules["routeRules"]:
            policy = rule.get("customErrorResponsePolicy")
            assert (policy is not None) == (rule["matchRules"] == [{"prefixMatch": "/"}])
            for answer in policy["errorResponseRules"] if policy else ():
                assert (repository / "web" / answer["path"].lstrip("/")).is_file()
