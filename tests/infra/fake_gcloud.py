"""A fake gcloud that simulates the services behind it, as far as infra/ uses them.

Behaviour beyond creating and deleting, with sources:

- alerts can use a log-based metric some minutes after its creation, before that 404
  (hashicorp/terraform-provider-google#11102)
- policies accept a new service account after some seconds; a load balancer's service agent is
  created with the first backend bucket
- an organization with domain-restricted sharing refuses allUsers; `run deploy` then only warns
- `builds submit` and `storage rsync` read the bucket's metadata (gcloud's storage_api.py and
  rsync_command_util.py), which needs storage.buckets.get
- budgets need a quota project (creds.py, GetQuotaProject) and a role on the billing account
- writing an object fails with 412 if its generation is not the expected one
- a revision that does not become ready is still the service's latest, and its template
- accounts other than the owner have the permissions of their roles (tests/infra/roles.py)
"""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.infra.roles import ROLES

METRIC_DELAY_S, MEMBER_DELAY_S, LOG_DELAY_S = 480, 7, 20
OWNER = "owner"
State = dict[str, Any]


def empty() -> State:
    """An empty project in an organization with domain-restricted sharing."""
    return {
        "now": 1_800_000_000,
        "number": "123456789012",
        "domain_restricted": True,
        # Whether the project's owner has a role on the billing account.
        "billing_role": True,
        # Images with which no revision becomes ready.
        "unready": set(),
        "resources": {}, "buckets": {}, "objects": {}, "iam": {}, "members": {}, "services": {},
        "exclusions": {}, "generations": 0, "images": 0, "log": [], "moves": [], "history": [],
        "commands": [],
    }  # fmt: skip


def call(state: State, account: str, arguments: list[str]) -> tuple[int, str, str]:
    """Simulate a gcloud command; return exit status, standard output and standard error."""
    state["now"] += 1
    state["commands"].append(arguments)
    cloud = Cloud(state, account, arguments)
    handler: Callable[[], str] = getattr(cloud, cloud.words[0])
    try:
        output = handler()
    except Refused as refused:
        return 1, "", f"ERROR: (gcloud.{'.'.join(cloud.words[:3])}) {refused}\n"
    return 0, f"{output}\n" if output else "", cloud.warnings


class Refused(Exception):
    """A gcloud error: its message for standard error; the exit status is 1."""


class Cloud:
    def __init__(self, state: State, account: str, arguments: list[str]) -> None:
        self.state, self.now, self.account = state, state["now"], account
        self.warnings = ""
        self.words = [each for each in arguments if not each.startswith("--")]
        if self.words[0] in ("alpha", "beta"):
            del self.words[0]
        self.flags: dict[str, str] = {}
        for each in arguments:
            if each.startswith("--"):
                name, _, value = each[2:].partition("=")
                self.flags[name] = value

    # Permissions

    def needs(self, permission: str, *resources: str) -> None:
        """Raise unless the account has the permission on the project or one of the resources."""
        if self.account == OWNER:
            return
        member = f"serviceAccount:{self.account}"
        for resource in ("project", *resources):
            for role, who in self.state["iam"].get(resource, []):
                if who == member and permission in ROLES[role]:
                    return
        raise Refused(
            f"PERMISSION_DENIED: {self.account} lacks {permission} on {resources or 'project'}"
        )

    def bind(self, resource: str) -> str:
        self.needs("setIamPolicy")
        role, member = self.flags["role"], self.flags["member"]
        if member == "allUsers" and self.state["domain_restricted"]:
            raise Refused(
                "FAILED_PRECONDITION: One or more users named in the policy do not belong to a "
                "permitted customer,  perhaps due to an organization policy."
            )
        email = member.removeprefix("serviceAccount:")
        if email != member and self.now < self.state["members"].get(email, float("inf")):
            raise Refused(f"INVALID_ARGUMENT: Service account {email} does not exist.")
        bindings = self.state["iam"].setdefault(resource, [])
        if [role, member] not in bindings:
            bindings.append([role, member])
        return ""

    # Resources that are only created, found and deleted

    def resource(self, kind: str, verb: str, name: str) -> str:
        self.needs(f"{kind}.{verb}")
        table = self.state["resources"].setdefault(kind, {})
        if verb == "list":
            return self.listing(table)
        if verb in ("create", "create-oidc", "import"):
            if name in table and verb != "import":
                raise Refused(f"ALREADY_EXISTS: {kind} {name}")
            table[name] = {"flags": self.flags, "text": self.text(), "created": self.now}
            return self.made(kind, name)
        if name not in table:
            raise Refused(f"NOT_FOUND: {kind} {name} was not found")
        if verb in ("add-backend", "remove-backend"):
            region = self.flags["network-endpoint-group-region"]
            place = f"regions/{region}/networkEndpointGroups/{self.flags['network-endpoint-group']}"
            place = f"https://c/p/{place}"
            groups = table[name].setdefault("groups", [])
            groups.append(place) if verb == "add-backend" else groups.remove(place)
            return ""
        if verb == "describe" and "backends" in self.flags.get("format", ""):
            return " ".join(table[name].get("groups", []))
        if verb in ("update", "update-oidc", "set-cleanup-policies"):
            table[name]["flags"] = table[name]["flags"] | self.flags
            table[name]["text"] = self.text() or table[name]["text"]
        elif verb == "delete":
            self.in_use(kind, name)
            del table[name]
        return str(table.get(name, {}).get(self.flags.get("format", ""), ""))

    def listing(self, table: dict[str, Any]) -> str:
        """Names that match a filter on title or name."""
        wanted = self.flags.get("filter", "")
        exact = re.fullmatch(r'displayName="(.*)"', wanted)
        pattern = re.fullmatch(r'(?:displayName|name)~\^?"?(.*?)"?', wanted)
        found = []
        for name, value in table.items():
            title = value.get("title", name)
            if (exact and exact[1] == title) or (pattern and re.match(pattern[1], title)):
                found.append(name)
        return "\n".join(found)

    def text(self) -> str:
        for flag in ("policy-from-file", "config-from-file", "source", "policy"):
            if Path(self.flags.get(flag, "")).is_file():
                return Path(self.flags[flag]).read_text()
        return ""

    def made(self, kind: str, name: str) -> str:
        if kind == "compute backend-buckets":
            agent = f"service-{self.state['number']}@https-lb.iam.gserviceaccount.com"
            self.state["members"].setdefault(agent, self.now)
        return ""

    def in_use(self, kind: str, name: str) -> None:
        """A resource can be deleted after those that refer to it."""
        users = {
            "compute addresses": ("compute forwarding-rules", "address"),
            "compute target-https-proxies": ("compute forwarding-rules", "target-https-proxy"),
            "compute target-http-proxies": ("compute forwarding-rules", "target-http-proxy"),
            "compute url-maps": ("compute target-https-proxies", "url-map"),
            "compute ssl-policies": ("compute target-https-proxies", "ssl-policy"),
            "compute security-policies": ("compute backend-services", "security-policy"),
        }
        for user, value in self.state["resources"].get("compute backend-services", {}).items():
            if f"/regions/{name}" in " ".join(value.get("groups", [])):
                raise Refused(f"RESOURCE_IN_USE_BY_ANOTHER_RESOURCE: {name} by {user}")
        if kind in users:
            other, flag = users[kind]
            for user, value in self.state["resources"].get(other, {}).items():
                if value["flags"].get(flag) == name:
                    raise Refused(f"RESOURCE_IN_USE_BY_ANOTHER_RESOURCE: {name} by {user}")

    # Monitoring: found by title

    def titled(self, kind: str, verb: str, name: str) -> str:
        table = self.state["resources"].setdefault(kind, {})
        title = name
        if text := self.text():
            title = re.search(r"displayName: '?(.+?)'?$", text, re.M)[1]
            for metric in set(re.findall(r"logging.googleapis.com/user/([\w-]+)", text)):
                known = self.state["resources"].get("logging metrics", {}).get(metric)
                if not known or self.now < known["created"] + METRIC_DELAY_S:
                    raise Refused(
                        "NOT_FOUND: Cannot find metric(s) that match type = "
                        f'"logging.googleapis.com/user/{metric}". If a metric was created '
                        "recently, it could take up to 10 minutes to become available. Please try "
                        "again soon."
                    )
        title = self.flags.get("display-name", title)
        if verb in ("list", "list-configs"):
            return self.listing(table)
        if verb == "create":
            name = f"projects/p/{kind.split()[1]}/{len(table) + 1}{self.now}"
            table[name] = {"flags": self.flags, "text": text, "title": title}
            return ""
        if verb == "describe" and name in table:
            return re.search(r"host=([^,]+)", table[name]["flags"]["resource-labels"])[1]
        return self.resource(kind, verb, name)

    # Cloud Storage

    def bucket(self, verb: str, url: str) -> str:
        name = url.removeprefix("gs://")
        buckets = self.state["buckets"]
        if verb == "create":
            self.needs("storage.buckets.create")
            buckets[name] = {}
        elif name not in buckets:
            raise Refused(f"HTTPError 404: gs://{name} not found: 404.")
        elif verb == "add-iam-policy-binding":
            return self.bind(url)
        else:
            self.needs(f"storage.buckets.{'get' if verb == 'describe' else verb}", url)
            buckets[name] |= self.flags
        return ""

    def place(self, url: str) -> tuple[str, str, str]:
        """Bucket, name and generation of gs://BUCKET/NAME#GENERATION."""
        path, _, generation = url.removeprefix("gs://").partition("#")
        bucket, _, name = path.partition("/")
        if bucket not in self.state["buckets"]:
            raise Refused(f"HTTPError 404: The specified bucket {bucket} does not exist.")
        return bucket, name, generation

    def storage(self) -> str:
        verb = self.words[1]
        if verb == "buckets":
            return self.bucket(self.words[2], self.words[3])
        if verb == "objects":
            verb, self.words = "describe", self.words[1:]
        target = self.words[-1] if verb in ("cp", "rsync") else self.words[2]
        bucket, name, generation = self.place(target)
        url, objects = f"gs://{bucket}", self.state["objects"]
        key = f"{bucket}/{name}"
        found = objects.get(key)
        expected = self.flags.get("if-generation-match", "")
        if expected and int(expected) != (found["generation"] if found else 0):
            raise Refused("HTTPError 412: At least one of the pre-conditions did not hold.")
        if verb == "rsync":
            self.needs("storage.buckets.get", url)
            self.needs("storage.objects.list", url)
            source = Path(self.words[2])
            for path in filter(Path.is_file, source.rglob("*.*")):
                copied = f"{key}/{path.relative_to(source)}".replace("//", "/")
                # The content of objects that scripts read again; of others only their existence.
                data = path.read_text() if path.suffix == ".json" else ""
                objects.setdefault(copied, {"data": data, "generation": 1})
            return ""
        if verb == "rm" and "recursive" in self.flags:
            self.needs("storage.buckets.delete")
            self.state["objects"] = {k: v for k, v in objects.items() if not k.startswith(key)}
            if not name:
                del self.state["buckets"][bucket]
                self.state["iam"].pop(url, None)
            return ""
        if verb == "cp":
            self.needs("storage.objects.create", url)
            if found:
                self.needs("storage.objects.delete", url)
            self.state["generations"] += 1
            origin = self.words[2]
            if origin.startswith("gs://"):
                bucket, name, _ = self.place(origin)
                self.needs("storage.objects.get", f"gs://{bucket}")
                if f"{bucket}/{name}" not in objects:
                    raise Refused(f"HTTPError 404: {origin} not found: 404.")
                data = objects[f"{bucket}/{name}"]["data"]
            else:
                data = Path(origin).read_text(errors="replace")
            objects[key] = {"data": data, "generation": self.state["generations"], **self.flags}
            return ""
        if not found or (generation and int(generation) != found["generation"]):
            raise Refused(f"HTTPError 404: {target} not found: 404.")
        if verb == "rm":
            self.needs("storage.objects.delete", url)
            del objects[key]
            return ""
        self.needs("storage.objects.get", url)
        return str(found["generation"]) if verb == "describe" else found["data"]

    # Cloud Build

    def builds(self) -> str:
        if self.words[1] == "triggers":
            name = self.words[3] if len(self.words) > 3 else ""
            if self.words[2] == "import":
                name = re.search(r"^name: '?(.+?)'?$", self.text(), re.M)[1]
            return self.resource("builds triggers", self.words[2], name)
        staging = self.flags["gcs-source-staging-dir"].removeprefix("gs://").partition("/")[0]
        self.needs("storage.buckets.get", f"gs://{staging}")
        self.needs("storage.objects.create", f"gs://{staging}")
        self.needs("cloudbuild.builds.create")
        self.needs("iam.serviceAccounts.actAs", self.flags["service-account"].rpartition("/")[2])
        image = re.search(r"_IMAGE=([^,]+)", self.flags["substitutions"])[1]
        repository = image.split("/")[2]
        if repository not in self.state["resources"].get("artifacts repositories", {}):
            raise Refused(f"name unknown: Repository {repository} not found")
        self.state["images"] += 1
        return "sha256:" + hashlib.sha256(str(self.state["images"]).encode()).hexdigest()

    # Cloud Run

    def service(self) -> dict[str, Any]:
        name = self.words[2] if self.words[1] == "deploy" else self.words[3]
        found = self.state["services"].get(name)
        if not found:
            raise Refused(f"Cannot find service [{name}]")
        return found

    def run(self) -> str:
        group, verb = self.words[1:3]
        if group == "deploy":
            return self.deploy(self.words[2])
        if group == "revisions":
            self.needs(f"run.revisions.{'get' if verb == 'describe' else verb}")
            for service in self.state["services"].values():
                for each in service["revisions"]:
                    if verb == "describe" and each["name"] == self.words[3]:
                        return each["image"]
            if verb == "describe":
                raise Refused(f"Cannot find revision [{self.words[3]}]")
            return ""
        service = self.service()
        if verb == "update-traffic":
            self.needs("run.services.update")
            self.move(service)
        elif verb == "delete":
            self.needs("run.services.delete")
            del self.state["services"][self.words[3]]
        else:
            self.needs("run.services.get")
            rows = [[str(p), "", r] for r, p in service["traffic"].items() if p]
            rows += [["", t, r] for t, r in service["tags"].items()]
            return "\n".join(",".join(row) for row in rows)
        return ""

    def deploy(self, name: str) -> str:
        self.needs("run.services.update")
        self.needs("iam.serviceAccounts.actAs", self.flags["service-account"])
        new = name not in self.state["services"]
        if new and "no-traffic" in self.flags:
            raise Refused("--no-traffic not supported when creating a new service.")
        empty = {"revisions": [], "traffic": {}, "tags": {}, "public": False}
        service = self.state["services"].setdefault(name, empty)
        if "no-invoker-iam-check" in self.flags:
            # Needs run.services.setIamPolicy, which run.developer lacks.
            self.needs("run.services.setIamPolicy")
            service["public"] = True
        elif "allow-unauthenticated" in self.flags:
            if self.state["domain_restricted"]:
                self.warnings = "WARNING: Setting IAM policy failed\n"
            else:
                service["public"] = True
        number = len(service["revisions"]) + 1
        environment = self.flags["set-env-vars"].removeprefix("^;^").split(";")
        version = dict(each.split("=", 1) for each in environment)["MODEL_VERSION"]
        revision = {
            "name": f"{name}-{number:05}",
            "image": self.flags["image"],
            "version": version,
            "flags": self.flags,
        }
        service["revisions"].append(revision)
        if self.flags["image"] in self.state["unready"]:
            raise Refused(f"Revision '{revision['name']}' is not ready and cannot serve traffic.")
        service["tags"][self.flags["tag"]] = revision["name"]
        if "no-traffic" not in self.flags:
            service["traffic"] = {revision["name"]: 100}
        return ""

    def move(self, service: dict[str, Any]) -> None:
        for entry in filter(None, self.flags.get("remove-tags", "").split(",")):
            service["tags"].pop(entry, None)
        for entry in filter(None, self.flags.get("update-tags", "").split(",")):
            tag, revision = entry.split("=")
            service["tags"][tag] = revision
        targets = dict(e.split("=") for e in self.flags.get("to-revisions", "").split(",") if e)
        for entry in filter(None, self.flags.get("to-tags", "").split(",")):
            tag, percent = entry.split("=")
            if tag not in service["tags"]:
                raise Refused(f"tag {tag} not found")
            targets[service["tags"][tag]] = percent
        if targets:
            if sum(map(int, targets.values())) != 100:
                raise Refused("the shares given here must add up to 100")
            service["traffic"] = {name: int(percent) for name, percent in targets.items()}
            self.state["moves"].append(service["traffic"])

    # Logging

    def logging(self) -> str:
        group, verb = self.words[1:3]
        if group == "metrics":
            return self.resource("logging metrics", verb, self.words[3])
        if group == "sinks":
            exclusions = self.state["exclusions"]
            if verb == "describe":
                return ";".join(exclusions)
            if removed := self.flags.get("remove-exclusions"):
                exclusions.pop(removed)
            for flag in ("add-exclusion", "update-exclusion"):
                if flag in self.flags:
                    name, text = re.fullmatch("name=([^,]+),filter=(.*)", self.flags[flag]).groups()
                    if (name in exclusions) != (flag == "update-exclusion"):
                        raise Refused(f"INVALID_ARGUMENT: exclusion {name}")
                    exclusions[name] = text
            return ""
        self.needs("logging.logEntries.list")
        asked = self.words[2]
        names = re.search(r'revision_name=\("(.+?)" OR "(.+?)"\)', asked).groups()
        since = re.search(r'timestamp>="(.+?)"', asked)[1]
        return json.dumps([
            entry for entry in self.state["log"]
            if entry["resource"]["labels"]["revision_name"] in names
            and entry["timestamp"] >= since and entry["written"] + LOG_DELAY_S <= self.now
        ])  # fmt: skip

    def billing(self) -> str:
        if "billing-project" not in self.flags:
            raise Refused(
                "PERMISSION_DENIED: billingbudgets.googleapis.com requires a quota project"
            )
        if not self.state["billing_role"]:
            raise Refused("PERMISSION_DENIED: The caller does not have permission")
        return self.titled(
            "billing budgets", self.words[2], self.words[3] if self.words[3:] else ""
        )

    def iam(self) -> str:
        if self.words[1] == "service-accounts":
            verb, name = self.words[2:4]
            if verb == "create":
                email = f"{name}@{self.flags['project']}.iam.gserviceaccount.com"
                self.state["members"][email] = self.now + MEMBER_DELAY_S
                return self.resource("service-accounts", verb, email)
            if verb == "add-iam-policy-binding":
                return self.bind(name)
            if verb == "delete":
                self.state["members"].pop(name, None)
            return self.resource("service-accounts", verb, name)
        kind = " ".join(self.words[:-2])
        return self.resource(kind, self.words[-2], self.words[-1])

    def projects(self) -> str:
        verb = self.words[1]
        if verb == "describe":
            return self.state["number"]
        if verb == "remove-iam-policy-binding":
            pair = [self.flags["role"], self.flags["member"]]
            bindings = self.state["iam"].get("project", [])
            if pair not in bindings:
                raise Refused("NOT_FOUND: Policy binding with the specified member was not found")
            bindings.remove(pair)
            return ""
        return self.bind("project")

    def secrets(self) -> str:
        if self.words[1] == "add-iam-policy-binding":
            return self.bind(f"secret/{self.words[2]}")
        return self.resource("secrets", self.words[1], self.words[2])

    def artifacts(self) -> str:
        if self.words[2] == "add-iam-policy-binding":
            return self.bind(f"repository/{self.words[3]}")
        return self.resource("artifacts repositories", self.words[2], self.words[3])

    def monitoring(self) -> str:
        kind = " ".join(self.words[:2])
        return self.titled(kind, self.words[2], self.words[3] if self.words[3:] else "")

    def compute(self) -> str:
        if self.words[1:3] == ["security-policies", "rules"]:
            name = f"{self.flags['security-policy']} {self.words[4]}"
            return self.resource("compute rules", self.words[3], name)
        kind = " ".join(self.words[:2])
        if self.words[1] == "network-endpoint-groups":
            name = f"{self.flags['region']}/networkEndpointGroups/{self.words[3]}"
            return self.resource(kind, self.words[2], name)
        if self.words[1] == "addresses" and "format" in self.flags:
            return "203.0.113.7"
        if self.words[1] == "security-policies" and self.words[2] == "delete":
            self.state["resources"].get("compute rules", {}).clear()
        return self.resource(kind, self.words[2], self.words[3] if self.words[3:] else "")

    def ai(self) -> str:
        self.needs("aiplatform.customJobs.create")
        return "projects/1/locations/europe-west1/customJobs/2"

    def services(self) -> str:
        return ""
