"""Permissions of Google's predefined roles, as far as infra/ and its tests need them.

From https://cloud.google.com/iam/docs/roles-permissions by way of github.com/iann0036/iam-dataset
(gcp/roles/*.json), read on 2026-11-27. Permissions on resources that LesionLens does not have, such
as Cloud Run jobs, and those to list projects are left out.
"""

_OBJECT_READ = {"storage.objects.get", "storage.objects.list"}
_RUN_READ = {"run.revisions.get", "run.revisions.list", "run.services.get", "run.services.list"}
_BUILDS = {
    "cloudbuild.builds.create",
    "cloudbuild.builds.get",
    "cloudbuild.builds.list",
    "cloudbuild.builds.update",
}

ROLES: dict[str, set[str]] = {
    "roles/aiplatform.user": {
        "aiplatform.customJobs.create",
        "aiplatform.customJobs.get",
        "aiplatform.customJobs.list",
    },
    "roles/artifactregistry.reader": {"artifactregistry.repositories.downloadArtifacts"},
    "roles/artifactregistry.writer": {
        "artifactregistry.repositories.downloadArtifacts",
        "artifactregistry.repositories.uploadArtifacts",
    },
    "roles/cloudbuild.builds.editor": _BUILDS,
    # Reads and creates objects in the whole project, as it is granted on projects.
    "roles/dataflow.worker": {
        "dataflow.workItems.lease",
        "logging.logEntries.create",
        "storage.buckets.get",
        "storage.objects.create",
        "storage.objects.get",
    },
    "roles/iam.serviceAccountUser": {"iam.serviceAccounts.actAs", "iam.serviceAccounts.get"},
    "roles/iam.workloadIdentityUser": {
        "iam.serviceAccounts.getAccessToken",
        "iam.serviceAccounts.getOpenIdToken",
    },
    "roles/logging.logWriter": {"logging.logEntries.create"},
    "roles/logging.viewer": {"logging.logEntries.list", "logging.sinks.get"},
    # Not granted by infra/, as it can read every object of the project.
    "roles/run.builder": {
        "artifactregistry.repositories.uploadArtifacts",
        "logging.logEntries.create",
        "storage.objects.get",
    },
    "roles/run.developer": {
        *_RUN_READ,
        "run.routes.invoke",
        "run.revisions.delete",
        "run.services.create",
        "run.services.delete",
        "run.services.getIamPolicy",
        "run.services.update",
    },
    # Not granted by infra/, as it can read and create objects in every bucket of the project.
    "roles/run.sourceDeveloper": {
        *_RUN_READ,
        *_BUILDS,
        *_OBJECT_READ,
        "run.services.create",
        "run.services.update",
        "storage.buckets.create",
        "storage.buckets.get",
        "storage.buckets.list",
        "storage.objects.create",
    },
    "roles/secretmanager.secretAccessor": {"secretmanager.versions.access"},
    "roles/serviceusage.serviceUsageConsumer": {"serviceusage.services.use"},
    "roles/storage.legacyBucketReader": {"storage.buckets.get", "storage.objects.list"},
    # Without the permission to delete, objects cannot be replaced either.
    "roles/storage.objectCreator": {"storage.objects.create"},
    "roles/storage.objectUser": {
        *_OBJECT_READ,
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.update",
    },
    "roles/storage.objectViewer": _OBJECT_READ,
}
