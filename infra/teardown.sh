#!/usr/bin/env bash
# Remove what infra/ made in the project: service, load balancer, page, triggers, alerts, accounts.
#
#   infra/teardown.sh [--yes-remove PROJECT] [--models --yes-remove-models BUCKET] [--dry-run] [--help]
#
#   --yes-remove PROJECT         do not ask; the project must be named
#   --models                     remove the model bucket and every release in it, too
#   --yes-remove-models BUCKET   the second time of telling, without being asked; names the bucket
#
# The model bucket stays unless told twice: by --models, and by typing the bucket's name when asked
# (or --yes-remove-models). What is already gone is passed over. The APIs stay enabled, the budget
# and Artifact Registry's own logs stay, and a service account's name is reserved for 30 days.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

confirmed=''
models=0
models_confirmed=''
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
    *) parse_common "$1" || wrong_argument "$1" ;;
  esac
  (($#)) && shift
done
check_settings

if [[ -n $models_confirmed ]] && ! ((models)); then
  die '--yes-remove-models without --models; nothing was removed'
fi

# confirm GIVEN NAME WHAT: GIVEN must be NAME; where nothing was given, ask.
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

# remove NOUN… -- NAME FLAG…: describe, then delete.
remove() {
  local noun=()
  while [[ $1 != -- ]]; do
    noun+=("$1")
    shift
  done
  shift
  # The other way round than ensure: a dry run shows the removal.
  if ! dry && ! there_is "${noun[@]}" describe "$@"; then
    say "= ${noun[*]} $1 is gone"
  else
    cloud "${noun[@]}" delete "$@" --quiet
  fi
}

# remove_listed NOUN… -- FILTER [DELETE_FLAG…]: delete whatever a listing finds.
remove_listed() {
  local noun=() filter names name
  while [[ $1 != -- ]]; do
    noun+=("$1")
    shift
  done
  filter=$2
  shift 2
  names=$(ask "${noun[*]: -1}-FOUND" "${noun[@]}" "${listing-list}" --filter="$filter" \
    --format='value(name)')
  for name in $names; do
    cloud "${noun[@]}" delete "$name" "$@" --quiet
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
  local metric
  for metric in requests errors cold_starts latency; do
    remove logging metrics -- "${SERVICE}_$metric"
  done
}

buckets() {
  local bucket doomed=("$WEB_BUCKET" "$BUILD_BUCKET")
  if ((models)); then doomed+=("$MODEL_BUCKET"); fi
  for bucket in "${doomed[@]}"; do
    if ! dry && ! there_is storage buckets describe "gs://$bucket"; then
      say "= gs://$bucket is gone"
    else
      cloud storage rm "gs://$bucket" --recursive --all-versions
    fi
  done
}

origin
remove run services -- "$SERVICE" --region="$REGION"
for trigger in deploy retrain; do
  remove builds triggers -- "$SERVICE-$trigger" --region="$REGION"
done
watching
remove secrets -- "$API_KEYS_SECRET"
remove artifacts repositories -- "$IMAGE_REPOSITORY" --location="$REGION"
for account in "$FUNCTION_ACCOUNT" "$TRAINING_ACCOUNT" "$BUILD_ACCOUNT"; do
  remove iam service-accounts -- "$account"
done
buckets
((models)) || say "gs://$MODEL_BUCKET stays, with every release"
