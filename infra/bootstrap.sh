#!/usr/bin/env bash
# Make an empty Google Cloud project ready: all that lasts and that the other scripts build on.
#
#   infra/bootstrap.sh [--dry-run] [--help]
#
# In this order: APIs, buckets, Artifact Registry, service accounts and what they may do, the secret
# for partners' keys, the exclusion of Cloud Run's request log, the log-based metrics; then, where
# the settings say so, alerts and uptime check (ALERT_EMAIL, DOMAIN), the budget alert
# (BILLING_ACCOUNT) and the triggers of Cloud Build (BUILD_REPOSITORY).
#
# Run it as often as you like: what is there stays as it is. It needs roles/owner of the project.
# The settings are in infra/settings.sh.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

for argument in "$@"; do
  parse_common "$argument" || wrong_argument "$argument"
done
check_settings
temporary_folder

main() {
  apis
  buckets
  images
  accounts
  secrets
  logs
  if [[ -n $ALERT_EMAIL ]]; then alerts; else say "no ALERT_EMAIL: no alerts"; fi
  if [[ -n $BILLING_ACCOUNT ]]; then budget; else say "no BILLING_ACCOUNT: no budget alert"; fi
  if [[ -n $BUILD_REPOSITORY ]]; then triggers; else say "no BUILD_REPOSITORY: no triggers"; fi
}

apis() {
  local names=(
    aiplatform artifactregistry billingbudgets cloudbuild compute iam logging monitoring run
    secretmanager storage
  )
  cloud services enable "${names[@]/%/.googleapis.com}"
}

buckets() {
  ensure_bucket "$MODEL_BUCKET" --public-access-prevention
  # Versioning keeps a pointer that was overwritten; the lifecycle lets old ones go after a while.
  cloud storage buckets update "gs://$MODEL_BUCKET" --versioning --public-access-prevention \
    --lifecycle-file="$(render lifecycle/models.json)"
  ensure_bucket "$BUILD_BUCKET" --public-access-prevention
  cloud storage buckets update "gs://$BUILD_BUCKET" --lifecycle-file="$(render lifecycle/build.json)"

  # The page is public by nature; the load balancer reads it as anybody would.
  ensure_bucket "$WEB_BUCKET" --no-public-access-prevention
  cloud storage buckets update "gs://$WEB_BUCKET" --web-main-page-suffix=index.html --web-error-page=404.html
  grant_bucket "$WEB_BUCKET" allUsers roles/storage.objectViewer
}

images() {
  ensure artifacts repositories -- "$IMAGE_REPOSITORY" --location="$REGION" -- \
    --repository-format=docker --description='Training images of LesionLens'
  # An image is named by its commit and can be built again from it.
  cloud artifacts repositories set-cleanup-policies "$IMAGE_REPOSITORY" --location="$REGION" \
    --policy="$(render lifecycle/images.json)" --no-dry-run
}

accounts() {
  ensure_account "$SERVICE-function" 'LesionLens: the function'
  ensure_account "$SERVICE-training" 'LesionLens: the training job'
  ensure_account "$SERVICE-build" 'LesionLens: the build'

  # The function reads releases and can do nothing else in the project.
  grant_bucket "$MODEL_BUCKET" "serviceAccount:$FUNCTION_ACCOUNT" roles/storage.objectViewer

  # The training job may create objects and not replace or delete any: that a version folder is
  # immutable, and that a job cannot move the pointer once there is one, is not left to its code.
  grant_bucket "$MODEL_BUCKET" "serviceAccount:$TRAINING_ACCOUNT" roles/storage.objectCreator
  grant_bucket "$MODEL_BUCKET" "serviceAccount:$TRAINING_ACCOUNT" roles/storage.objectViewer
  grant_project "$TRAINING_ACCOUNT" roles/logging.logWriter

  # The build: deploys from source, shifts traffic, reads the log of a candidate, writes the page,
  # starts training. It reads releases and cannot write them: promoting is a person's decision.
  local role
  for role in run.sourceDeveloper run.builder serviceusage.serviceUsageConsumer logging.logWriter \
    logging.viewer aiplatform.user; do
    grant_project "$BUILD_ACCOUNT" "roles/$role"
  done
  grant_bucket "$MODEL_BUCKET" "serviceAccount:$BUILD_ACCOUNT" roles/storage.objectViewer
  grant_bucket "$BUILD_BUCKET" "serviceAccount:$BUILD_ACCOUNT" roles/storage.objectUser
  grant_bucket "$WEB_BUCKET" "serviceAccount:$BUILD_ACCOUNT" roles/storage.objectUser
  cloud artifacts repositories add-iam-policy-binding "$IMAGE_REPOSITORY" --location="$REGION" \
    --member="serviceAccount:$BUILD_ACCOUNT" --role=roles/artifactregistry.writer --format=none
  # It may hand these two identities on, and its own to the build that a deployment starts.
  grant_account "$FUNCTION_ACCOUNT" "$BUILD_ACCOUNT" roles/iam.serviceAccountUser
  grant_account "$TRAINING_ACCOUNT" "$BUILD_ACCOUNT" roles/iam.serviceAccountUser
  grant_account "$BUILD_ACCOUNT" "$BUILD_ACCOUNT" roles/iam.serviceAccountUser
}

secrets() {
  # The keys themselves never pass through a script; README.md says how they get there.
  ensure secrets -- "$API_KEYS_SECRET" -- \
    --replication-policy=user-managed --locations="$REGION"
  cloud secrets add-iam-policy-binding "$API_KEYS_SECRET" \
    --member="serviceAccount:$FUNCTION_ACCOUNT" --role=roles/secretmanager.secretAccessor \
    --format=none
}

logs() {
  # Cloud Run's own request log holds client addresses. The function's structured line, which holds
  # none, stays.
  local name=cloud-run-requests
  local filter="logName=\"projects/$PROJECT/logs/run.googleapis.com%2Frequests\""
  local excluded
  excluded=$(ask '' logging sinks describe _Default --format='value(exclusions[].name)')
  if [[ ";${excluded//,/;};" == *";$name;"* ]]; then
    say "= log exclusion $name"
  else
    cloud logging sinks update _Default --add-exclusion="name=$name,filter=$filter"
  fi

  local metric
  for metric in requests errors cold_starts latency; do
    if there_is logging metrics describe "${SERVICE}_$metric"; then
      say "= log-based metric ${SERVICE}_$metric"
    else
      cloud logging metrics create "${SERVICE}_$metric" \
        --config-from-file="$(render "monitoring/metric-$metric.yaml")"
    fi
  done
}

alerts() {
  ensure_listed beta monitoring channels -- "displayName=\"$SERVICE operators\"" -- \
    --display-name="$SERVICE operators" --type=email \
    --channel-labels="email_address=$ALERT_EMAIL"
  local channel policy title
  channel=$(ask "projects/$PROJECT/notificationChannels/CHANNEL" beta monitoring channels list \
    --filter="displayName=\"$SERVICE operators\"" --format='value(name)' --limit=1)
  # "Greater than" is the only comparison of an alert that is of use, so one below the limit.
  # shellcheck disable=SC2034 # render reads it
  local INSTANCES_ALERT=$((MAX_INSTANCES - 1))
  for policy in error-rate latency cold-starts instances; do
    title="$SERVICE $policy"
    ensure_listed alpha monitoring policies -- "displayName=\"$title\"" -- \
      --policy-from-file="$(render "monitoring/alert-$policy.yaml")" \
      --notification-channels="$channel"
  done

  if [[ -z $DOMAIN ]]; then
    say "no DOMAIN: no uptime check"
    return
  fi
  local found
  found=$(ask '' monitoring uptime list-configs \
    --filter="displayName=\"$SERVICE\"" --format='value(name)')
  if [[ -n $found ]]; then
    say "= uptime check $SERVICE"
  else
    # /health loads no model: asking it wakes at most an instance, every five minutes.
    cloud monitoring uptime create "$SERVICE" --resource-type=uptime-url \
      --resource-labels="host=$DOMAIN,project_id=$PROJECT" --protocol=https --path=/health \
      --period=5 --timeout=30
  fi
  ensure_listed alpha monitoring policies -- "displayName=\"$SERVICE uptime\"" -- \
    --policy-from-file="$(render monitoring/alert-uptime.yaml)" --notification-channels="$channel"
}

budget() {
  # Budgets belong to the billing account, not to the project.
  local found
  found=$(query '' gcloud billing budgets list --billing-account="$BILLING_ACCOUNT" \
    --filter="displayName=\"$SERVICE $PROJECT\"" --format='value(name)')
  if [[ -n $found ]]; then
    say "= budget $SERVICE $PROJECT"
  else
    run gcloud billing budgets create --billing-account="$BILLING_ACCOUNT" \
      --display-name="$SERVICE $PROJECT" --budget-amount="$BUDGET_AMOUNT" \
      --filter-projects="projects/$PROJECT" --threshold-rule=percent=0.5 \
      --threshold-rule=percent=0.9 --threshold-rule=percent=1.0,basis=forecasted-spend
  fi
}

triggers() {
  local substitutions="_REGION=$REGION,_SERVICE=$SERVICE,_DOMAIN=$DOMAIN"
  substitutions+=",_CANDIDATE_HOST=$CANDIDATE_HOST,_BUILD_BUCKET=$BUILD_BUCKET"
  substitutions+=",_MODEL_BUCKET=$MODEL_BUCKET,_WEB_BUCKET=$WEB_BUCKET"
  ensure_trigger "$SERVICE-deploy" github --branch-pattern="$BUILD_BRANCH" \
    --build-config=cloudbuild.yaml --substitutions="$substitutions" \
    --include-logs-with-status
  substitutions="_REGION=$REGION,_SERVICE=$SERVICE,_IMAGE_REPOSITORY=$IMAGE_REPOSITORY"
  substitutions+=",_MODEL_BUCKET=$MODEL_BUCKET,_DATA_URI=$DATA_URI"
  ensure_trigger "$SERVICE-retrain" manual --branch=main \
    --build-config=infra/cloudbuild.train.yaml --substitutions="$substitutions"
}

# ensure_trigger NAME KIND CREATE_FLAG…
ensure_trigger() {
  local name=$1 kind=$2
  shift 2
  if there_is builds triggers describe "$name" --region="$REGION"; then
    say "= trigger $name"
  else
    cloud builds triggers create "$kind" --name="$name" --region="$REGION" \
      --repository="$BUILD_REPOSITORY" \
      --service-account="projects/$PROJECT/serviceAccounts/$BUILD_ACCOUNT" "$@"
  fi
}

main
