#!/usr/bin/env bash
# Prepare an empty Google Cloud project: create the lasting resources that the other scripts rely
# on.
#
#   infra/bootstrap.sh [STEP…] [--dry-run] [--help]
#
#   STEP…   only these of: apis buckets images accounts secrets logs metrics budget triggers github
#           archive dashboard uptime alerts; default: all, in this order
#
# Existing resources are updated, so run it again after any change of a setting. A step that fails
# does not stop the others; it is reported at the end, and the exit status is 1. Steps whose setting
# is empty are skipped: budget (BILLING_ACCOUNT), triggers (BUILD_REPOSITORY), github
# (GITHUB_REPOSITORY), archive (ARCHIVE_BUCKET), uptime (ALERT_EMAIL, DOMAIN), alerts (ALERT_EMAIL).
#
# It needs roles/owner of the project; the budget also roles/billing.costsManager of
# BILLING_ACCOUNT, which an owner of the project does not have.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

STEPS=(apis buckets images accounts secrets logs metrics budget triggers github archive dashboard
  uptime alerts)
chosen=()
for argument in "$@"; do
  if [[ " ${STEPS[*]} " == *" $argument "* ]]; then
    chosen+=("$argument")
  else
    parse_common "$argument" || wrong_argument "$argument"
  fi
done
check_settings
temporary_folder

main() {
  local step status failed=()
  for step in "${STEPS[@]}"; do
    [[ ${#chosen[@]} == 0 || " ${chosen[*]} " == *" $step "* ]] || continue
    say "## $step"
    # Not in a condition, which would disable `set -e` within the step.
    set +e
    (
      set -e
      "$step"
    )
    status=$?
    set -e
    ((status == 0)) || failed+=("$step")
  done
  if ((${#failed[@]})); then
    die "failed: ${failed[*]}. The others are done; once the cause is gone: infra/bootstrap.sh ${failed[*]}"
  fi
  say "the project $PROJECT is ready"
}

# without NAME WHAT: succeed if the setting of a step is empty.
without() {
  [[ -z ${!1} ]] || return 1
  say "no $1: no $2"
}

apis() {
  local names=(
    aiplatform artifactregistry billingbudgets cloudbuild compute iam iamcredentials logging
    monitoring run secretmanager serviceusage storage sts
  )
  if [[ -n $ARCHIVE_BUCKET ]]; then names+=(dataflow); fi
  cloud services enable "${names[@]/%/.googleapis.com}"
}

buckets() {
  # Versioning keeps overwritten pointers; the lifecycle rule deletes old ones later.
  ensure_bucket "$MODEL_BUCKET" --versioning --lifecycle-file="$(render lifecycle/models.json)"
  ensure_bucket "$DATA_BUCKET"
  ensure_bucket "$BUILD_BUCKET" --lifecycle-file="$(render lifecycle/build.json)"
  # Private too: the load balancer reads it with its own identity (ensure_origin.sh).
  ensure_bucket "$WEB_BUCKET"
}

images() {
  ensure artifacts repositories -- "$IMAGE_REPOSITORY" --location="$REGION" -- \
    --repository-format=docker --description='Images of LesionLens'
  # Images are named by their commit, from which they can be built again.
  cloud artifacts repositories set-cleanup-policies "$IMAGE_REPOSITORY" --location="$REGION" \
    --policy="$(render lifecycle/images.json)" --no-dry-run
}

accounts() {
  ensure_account "$SERVICE-function" 'LesionLens: the function'
  ensure_account "$SERVICE-training" 'LesionLens: the training job'
  ensure_account "$SERVICE-build" 'LesionLens: the build'

  # The function reads releases and can do nothing else in the project.
  grant_bucket "$MODEL_BUCKET" "$FUNCTION_ACCOUNT" roles/storage.objectViewer

  # The training job may create objects but not replace or delete any. That versions are immutable
  # and that a job cannot move an existing pointer is thus enforced by permissions, not by its code.
  grant_bucket "$MODEL_BUCKET" "$TRAINING_ACCOUNT" roles/storage.objectCreator
  grant_bucket "$MODEL_BUCKET" "$TRAINING_ACCOUNT" roles/storage.objectViewer
  grant_bucket "$DATA_BUCKET" "$TRAINING_ACCOUNT" roles/storage.objectViewer
  grant_project "$TRAINING_ACCOUNT" roles/logging.logWriter

  # The build: builds images, deploys them, shifts traffic, reads the log of a candidate, writes the
  # page, starts training. It reads releases but cannot write them: a person decides on promotion.
  # None of its project-wide roles reads or writes objects, as run.sourceDeveloper and run.builder
  # do.
  local role bucket
  for role in run.developer cloudbuild.builds.editor serviceusage.serviceUsageConsumer \
    logging.logWriter logging.viewer aiplatform.user; do
    grant_project "$BUILD_ACCOUNT" "roles/$role"
  done
  grant_bucket "$MODEL_BUCKET" "$BUILD_ACCOUNT" roles/storage.objectViewer
  for bucket in "$BUILD_BUCKET" "$WEB_BUCKET"; do
    grant_bucket "$bucket" "$BUILD_ACCOUNT" roles/storage.objectUser
    # `gcloud builds submit` and `gcloud storage rsync` read the bucket's metadata, which requires
    # storage.buckets.get; objectUser does not have it.
    grant_bucket "$bucket" "$BUILD_ACCOUNT" roles/storage.legacyBucketReader
  done
  grant artifacts repositories add-iam-policy-binding "$IMAGE_REPOSITORY" --location="$REGION" \
    --member="serviceAccount:$BUILD_ACCOUNT" --role=roles/artifactregistry.writer
  # It may act as these two identities, and start builds under its own.
  local account
  for account in "$FUNCTION_ACCOUNT" "$TRAINING_ACCOUNT" "$BUILD_ACCOUNT"; do
    grant_account "$account" "serviceAccount:$BUILD_ACCOUNT" roles/iam.serviceAccountUser
  done
}

secrets() {
  # No script handles the keys themselves; README.md describes how to store them.
  # Replicated, to survive the loss of a region: they are hashes, not personal data.
  ensure secrets -- "$API_KEYS_SECRET" -- --replication-policy=automatic
  grant secrets add-iam-policy-binding "$API_KEYS_SECRET" \
    --member="serviceAccount:$FUNCTION_ACCOUNT" --role=roles/secretmanager.secretAccessor
}

logs() {
  # Cloud Run's own request log contains client addresses. The function's structured log, which does
  # not, is kept, and so are the request logs of other services in the project.
  local name=$SERVICE-requests verb=--add-exclusion excluded filter
  filter="logName=\"projects/$PROJECT/logs/run.googleapis.com%2Frequests\""
  filter+=" AND resource.labels.service_name=\"$SERVICE\""
  excluded=$(ask '' logging sinks describe _Default --format='value(exclusions[].name)')
  if [[ ";${excluded//,/;};" == *";$name;"* ]]; then verb=--update-exclusion; fi
  cloud logging sinks update _Default "$verb=name=$name,filter=$filter"
}

metrics() {
  local metric verb
  for metric in requests slow cold_starts latency; do
    verb=create
    if there_is logging metrics describe "${SERVICE}_$metric"; then verb=update; fi
    cloud logging metrics "$verb" "${SERVICE}_$metric" \
      --config-from-file="$(render "monitoring/metric-$metric.yaml")"
  done
}

budget() {
  if without BILLING_ACCOUNT 'budget alert'; then return; fi
  # Budgets belong to the billing account. API quota is charged to a project, which gcloud takes
  # from --billing-project for commands without --project.
  local name account=(--billing-account="$BILLING_ACCOUNT" --billing-project="$PROJECT")
  name=$(query '' gcloud billing budgets list "${account[@]}" \
    --filter="displayName=\"$SERVICE $PROJECT\"" --format='value(name)')
  if [[ -n $name ]]; then
    run gcloud billing budgets update "$name" --billing-project="$PROJECT" \
      --budget-amount="$BUDGET_AMOUNT"
  else
    run gcloud billing budgets create "${account[@]}" --display-name="$SERVICE $PROJECT" \
      --budget-amount="$BUDGET_AMOUNT" --filter-projects="projects/$PROJECT" \
      --threshold-rule=percent=0.5 --threshold-rule=percent=0.9 \
      --threshold-rule=percent=1.0,basis=forecasted-spend
  fi
}

triggers() {
  if without BUILD_REPOSITORY triggers; then return; fi
  # An import creates a trigger or replaces the one with the same name.
  local name
  for name in deploy retrain; do
    cloud builds triggers import --region="$REGION" --source="$(render "triggers/$name.yaml")"
  done
}

github() {
  if without GITHUB_REPOSITORY 'deployment from GitHub Actions'; then return; fi
  # GitHub signs the workflow's identity (https://token.actions.githubusercontent.com); no key is
  # stored. Only the branch main of the one repository may act as the build's identity.
  local provider=(actions --location=global --workload-identity-pool="$SERVICE-github")
  local verb=create-oidc pool
  local condition="assertion.repository=='$GITHUB_REPOSITORY' && assertion.ref=='refs/heads/main'"
  ensure iam workload-identity-pools -- "$SERVICE-github" --location=global -- \
    --display-name='LesionLens: GitHub'
  if there_is iam workload-identity-pools providers describe "${provider[@]}"; then
    verb=update-oidc
  fi
  cloud iam workload-identity-pools providers "$verb" "${provider[@]}" \
    --issuer-uri=https://token.actions.githubusercontent.com \
    --attribute-mapping='google.subject=assertion.sub,attribute.repository=assertion.repository' \
    --attribute-condition="$condition"
  pool="projects/$(project_number)/locations/global/workloadIdentityPools/$SERVICE-github"
  grant_account "$BUILD_ACCOUNT" \
    "principalSet://iam.googleapis.com/$pool/attribute.repository/$GITHUB_REPOSITORY" \
    roles/iam.workloadIdentityUser
  say "GitHub's variable GCP_WORKLOAD_IDENTITY_PROVIDER: $pool/providers/actions"
}

archive() {
  if without ARCHIVE_BUCKET Dataflow; then return; fi
  # roles/dataflow.worker can read and create objects in the whole project; classify an archive that
  # must be isolated from other data in a project of its own.
  ensure_account "$SERVICE-archive" 'LesionLens: workers of Dataflow'
  grant_project "$ARCHIVE_ACCOUNT" roles/dataflow.worker
  ensure_bucket "$ARCHIVE_BUCKET"
  grant_bucket "$ARCHIVE_BUCKET" "$ARCHIVE_ACCOUNT" roles/storage.objectUser
  grant_bucket "$MODEL_BUCKET" "$ARCHIVE_ACCOUNT" roles/storage.objectViewer
  grant artifacts repositories add-iam-policy-binding "$IMAGE_REPOSITORY" --location="$REGION" \
    --member="serviceAccount:$ARCHIVE_ACCOUNT" --role=roles/artifactregistry.reader
}

# put NOUN… -- FILTER FILE-FLAG FILE EXTRA…: create a resource, or replace the one that FILTER
# finds.
put() {
  local noun rest name
  words "$@"
  name=$(listed "${noun[@]}" -- "${rest[0]}") || return 1
  if [[ -n $name ]]; then
    settled "${noun[@]}" update "$name" "${rest[@]:1}"
  else
    settled "${noun[@]}" create "${rest[@]:1}"
  fi
}
# Cloud Monitoring can take ten minutes to see a metric that Cloud Logging has created.
settled() { patiently 'Cannot find metric|metric.* is unknown' gcloud "$@" --project="$PROJECT"; }

dashboard() {
  put monitoring dashboards -- "displayName=\"$SERVICE\"" \
    --config-from-file="$(render monitoring/dashboard.yaml)"
}

uptime() {
  if without ALERT_EMAIL 'uptime check' || without DOMAIN 'uptime check'; then return; fi
  # /health does not need the model, but every instance loads the model at its start. Three regions
  # are the minimum. Together they send a request every five minutes, so that an instance is nearly
  # always running (README.md, "What it costs").
  local name check=(--protocol=https --path=/health --period=15 --timeout=30)
  name=$(listing=list-configs listed monitoring uptime -- "displayName=\"$SERVICE\"")
  if [[ -n $name && $(ask '' monitoring uptime describe "$name" \
    --format='value(monitoredResource.labels.host)') != "$DOMAIN" ]]; then
    # The host of a check cannot be changed.
    cloud monitoring uptime delete "$name" --quiet
    name=''
  fi
  if [[ -n $name ]]; then
    cloud monitoring uptime update "$name" --path=/health --period=15 --timeout=30 \
      --set-regions=europe,usa-virginia,asia-pacific
  else
    cloud monitoring uptime create "$SERVICE" --resource-type=uptime-url \
      --resource-labels="host=$DOMAIN,project_id=$PROJECT" "${check[@]}" \
      --regions=europe,usa-virginia,asia-pacific
  fi
}

alerts() {
  if without ALERT_EMAIL alerts; then return; fi
  local policy failed=()
  local CHANNEL INSTANCES_ALERT
  # Alerts can only compare with "greater than", so the threshold is one below the limit.
  # shellcheck disable=SC2034 # render reads it
  INSTANCES_ALERT=$((MAX_INSTANCES - 1))
  # shellcheck disable=SC2034 # render reads it
  CHANNEL=$(channel)
  for policy in availability latency refused cold-starts instances uptime; do
    if [[ $policy == uptime && -z $DOMAIN ]]; then continue; fi
    put alpha monitoring policies -- "displayName=\"$SERVICE $policy\"" \
      --policy-from-file="$(render "monitoring/alert-$policy.yaml")" || failed+=("$policy")
  done
  ((${#failed[@]} == 0)) || die "these alerts failed: ${failed[*]}"
}

# channel: print the notification channel of ALERT_EMAIL, for the alert templates.
channel() {
  local name title="displayName=\"$SERVICE operators\""
  local labels="email_address=$ALERT_EMAIL"
  name=$(listed beta monitoring channels -- "$title")
  if [[ -n $name ]]; then
    cloud beta monitoring channels update "$name" --update-channel-labels="$labels" >&2
  else
    cloud beta monitoring channels create --display-name="$SERVICE operators" --type=email \
      --channel-labels="$labels" >&2
    name=$(listed beta monitoring channels -- "$title")
  fi
  printf '%s\n' "${name:-projects/$PROJECT/notificationChannels/CHANNEL}"
}

main
