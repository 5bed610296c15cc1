#!/usr/bin/env bash
# Remove what infra/ created in the project: service, load balancer, page, triggers, alerts,
# accounts.
#
#   infra/teardown.sh [--yes-remove PROJECT] [--models [--yes-remove-models BUCKET]]
#                     [--data [--yes-remove-data BUCKET]] [--dry-run] [--help]
#
#   --yes-remove PROJECT         do not ask; names the project
#   --models, --data             remove the model bucket with every release in it, or the training data
#   --yes-remove-models BUCKET, --yes-remove-data BUCKET   do not ask a second time; names the bucket
#
# The model bucket and the data bucket are kept unless confirmed twice: by the option and by typing
# the bucket's name when asked. Resources that do not exist are skipped; a removal that fails is
# reported at the end and does not stop the others. The APIs stay enabled, ARCHIVE_BUCKET stays, and
# the names of service accounts and of the identity pool are reserved for 30 days.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

confirmed=''
models=0
models_confirmed=''
data=0
data_confirmed=''
while (($#)); do
  case $1 in
    --yes-remove)
      confirmed=${2-}
      shift
      ;;
    --models) models=1 ;;
    --yes-remove-models)
      models_confirmed=${2-}
      shift
      ;;
    --data) data=1 ;;
    --yes-remove-data)
      data_confirmed=${2-}
      shift
      ;;
    *) parse_common "$1" || wrong_argument "$1" ;;
  esac
  (($#)) && shift
done
check_settings

if [[ -n $models_confirmed ]] && ! ((models)); then
  die '--yes-remove-models without --models; nothing was removed'
fi
if [[ -n $data_confirmed ]] && ! ((data)); then
  die '--yes-remove-data without --data; nothing was removed'
fi

# confirm GIVEN NAME WHAT: GIVEN must equal NAME; if it is empty, ask.
confirm() {
  local given=$1
  if [[ -z $given ]] && ! dry; then
    read -r -p "This removes $3. Type $2 to go on: " given || true
  fi
  if dry && [[ -z $given ]]; then return; fi
  [[ $given == "$2" ]] || die "'$given' is not '$2'; nothing was removed"
}
confirm "$confirmed" "$PROJECT" "LesionLens ($SERVICE) from the project $PROJECT"
if ((models)); then
  confirm "$models_confirmed" "$MODEL_BUCKET" "every release, with gs://$MODEL_BUCKET"
fi
if ((data)); then
  confirm "$data_confirmed" "$DATA_BUCKET" "the training data, with gs://$DATA_BUCKET"
fi

failed=()

# removed COMMAND…: run a removal; failures are reported at the end.
removed() { "$@" || failed+=("$(quoted "$@")"); }

# remove NOUN… -- NAME FLAG…: describe, then delete.
remove() {
  local noun rest
  words "$@"
  # Unlike ensure, a dry run assumes that the resource exists, to show its removal.
  if ! dry && ! there_is "${noun[@]}" describe "${rest[@]}"; then
    say "= ${noun[*]} ${rest[0]} is gone"
  else
    removed cloud "${noun[@]}" delete "${rest[@]}" --quiet
  fi
}

# remove_listed NOUN… -- FILTER [DELETE_FLAG…]: delete all resources that match.
remove_listed() {
  local noun rest names name
  words "$@"
  names=$(ask "${noun[*]: -1}-FOUND" "${noun[@]}" "${listing-list}" --filter="${rest[0]}" \
    --format='value(name)')
  for name in $names; do
    removed cloud "${noun[@]}" delete "$name" "${rest[@]:1}" --quiet
  done
}

origin() {
  local name
  for name in "$SERVICE-https" "$SERVICE-http"; do
    remove compute forwarding-rules -- "$name" --global
  done
  remove compute target-https-proxies -- "$SERVICE" --global
  remove compute target-http-proxies -- "$SERVICE" --global
  remove compute url-maps -- "$SERVICE" --global
  remove compute url-maps -- "$SERVICE-http" --global
  remove_listed compute ssl-certificates -- "name~^$SERVICE-[0-9]+\$" --global
  remove compute ssl-policies -- "$SERVICE" --global
  for name in "$SERVICE-function" "$SERVICE-candidate"; do
    remove compute backend-services -- "$name" --global
    remove compute network-endpoint-groups -- "$name" --region="$REGION"
  done
  remove compute backend-buckets -- "$SERVICE-web"
  remove compute security-policies -- "$SERVICE"
  remove compute addresses -- "$SERVICE" --global
}

watching() {
  remove_listed alpha monitoring policies -- "displayName~^\"$SERVICE \""
  listing=list-configs remove_listed monitoring uptime -- "displayName=\"$SERVICE\""
  remove_listed beta monitoring channels -- "displayName=\"$SERVICE operators\""
  remove_listed monitoring dashboards -- "displayName=\"$SERVICE\""
  local metric excluded
  for metric in requests slow cold_starts latency; do
    remove logging metrics -- "${SERVICE}_$metric"
  done
  excluded=$(ask "$SERVICE-requests" logging sinks describe _Default \
    --format='value(exclusions[].name)')
  if [[ ";${excluded//,/;};" == *";$SERVICE-requests;"* ]]; then
    removed cloud logging sinks update _Default --remove-exclusions="$SERVICE-requests"
  fi
}

budget() {
  if [[ -z $BILLING_ACCOUNT ]]; then return; fi
  local name
  name=$(query BUDGET gcloud billing budgets list --billing-account="$BILLING_ACCOUNT" \
    --billing-project="$PROJECT" --filter="displayName=\"$SERVICE $PROJECT\"" \
    --format='value(name)') || failed+=('gcloud billing budgets list')
  if [[ -n $name ]]; then
    removed run gcloud billing budgets delete "$name" --billing-project="$PROJECT" --quiet
  fi
}

accounts() {
  local account role
  # Bindings of a deleted account remain, as "deleted:…".
  for account in "$FUNCTION_ACCOUNT" "$TRAINING_ACCOUNT" "$BUILD_ACCOUNT" "$ARCHIVE_ACCOUNT"; do
    case $account in
      "$BUILD_ACCOUNT")
        revoke "$account" run.developer cloudbuild.builds.editor serviceusage.serviceUsageConsumer \
          logging.logWriter logging.viewer aiplatform.user
        ;;
      "$TRAINING_ACCOUNT") revoke "$account" logging.logWriter ;;
      "$ARCHIVE_ACCOUNT") revoke "$account" dataflow.worker ;;
    esac
    remove iam service-accounts -- "$account"
  done
}

# revoke ACCOUNT ROLE…: revoke project-wide roles.
revoke() {
  local role
  if ! dry && ! there_is iam service-accounts describe "$1"; then return; fi
  for role in "${@:2}"; do
    removed cloud projects remove-iam-policy-binding "$PROJECT" --member="serviceAccount:$1" \
      --role="roles/$role" --condition=None --format=none
  done
}

buckets() {
  local bucket doomed=("$WEB_BUCKET" "$BUILD_BUCKET")
  if ((models)); then doomed+=("$MODEL_BUCKET"); fi
  if ((data)); then doomed+=("$DATA_BUCKET"); fi
  for bucket in "${doomed[@]}"; do
    if ! dry && ! there_is storage buckets describe "gs://$bucket"; then
      say "= gs://$bucket is gone"
    else
      removed cloud storage rm "gs://$bucket" --recursive --all-versions
    fi
  done
}

# The triggers first, or a push could start a rollout meanwhile.
for trigger in deploy retrain; do
  remove builds triggers -- "$SERVICE-$trigger" --region="$REGION"
done
remove iam workload-identity-pools -- "$SERVICE-github" --location=global
origin
remove run services -- "$SERVICE" --region="$REGION"
watching
budget
remove secrets -- "$API_KEYS_SECRET"
remove artifacts repositories -- "$IMAGE_REPOSITORY" --location="$REGION"
accounts
buckets
((models)) || say "gs://$MODEL_BUCKET stays, with every release"
((data)) || say "gs://$DATA_BUCKET stays, with the training data"
if ((${#failed[@]})); then
  say 'these failed, and are still there:'
  printf '  %s\n' "${failed[@]}" >&2
  exit 1
fi
if ! dry; then say "$SERVICE is gone from $PROJECT; nothing serves"; fi
