#!/usr/bin/env bash
# Roll out a push: build, deploy without traffic, smoke test, increase traffic in steps, page, tag.
#
#   infra/rollout.sh [--image IMAGE] [--same-code] [--model-version VERSION] [--started SECONDS]
#                    [--no-page] [--dry-run] [--help]
#
#   --image, --same-code, --model-version   as for infra/deploy_function.sh
#   --started SECONDS   when this build began, in seconds since 1970; does nothing if a build that began
#                       later has been rolled out already
#   --no-page           leave the page as it is
#
# Cloud Build (cloudbuild.yaml), GitHub Actions (.github/workflows/deploy.yml) and people use this
# script. Concurrent rollouts wait for the lock (infra/lock.sh). After a failure the old revision
# still serves, or serves again; the last lines of output say which one serves.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"
source "$infra_folder/lock.sh"

deployment=()
started=''
page=1
while (($#)); do
  case $1 in
    --image | --model-version)
      [[ -n ${2-} ]] || wrong_argument "$1 without a value"
      deployment+=("$1" "$2")
      shift
      ;;
    --same-code) deployment+=(--same-code) ;;
    --started)
      started=${2-}
      [[ $started =~ ^[0-9]{1,12}$ ]] || wrong_argument "--started '$started'"
      shift
      ;;
    --no-page) page=0 ;;
    *) parse_common "$1" || wrong_argument "$1" ;;
  esac
  shift
done
check_settings DOMAIN CANDIDATE_HOST
common=()
if dry; then common=(--dry-run); fi
last_rollout=gs://$BUILD_BUCKET/locks/last-rollout

main() {
  take_lock
  if superseded; then
    say "a build that began later has been rolled out already; nothing to do"
    exit 0
  fi
  on_exit say_what_serves
  "$infra_folder/deploy_function.sh" "${deployment[@]}" "${common[@]}"
  renew_lock
  run "$infra_folder/smoke.sh" "$CANDIDATE_ORIGIN" --wait 120
  "$infra_folder/traffic.sh" canary "${common[@]}"
  if ((page)); then put_page; fi
  "$infra_folder/traffic.sh" tag "${common[@]}"
  note_rollout
}

superseded() {
  if dry || [[ -z $started ]]; then return 1; fi
  exists gcloud storage objects describe "$last_rollout" --project="$PROJECT" || return 1
  (($(gcloud storage cat "$last_rollout" --project="$PROJECT") > started))
}

note_rollout() {
  if [[ -z $started ]]; then return; fi
  temporary_folder
  printf '%s\n' "$started" >"$scratch/last-rollout"
  cloud storage cp "$scratch/last-rollout" "$last_rollout"
}

put_page() {
  renew_lock
  if ! { "$infra_folder/deploy_web.sh" "${common[@]}" && run "$infra_folder/smoke.sh" "$ORIGIN"; }; then
    say 'the page failed; the traffic goes back, the page may be half new'
    "$infra_folder/traffic.sh" back
    exit 1
  fi
}

# shellcheck disable=SC2317,SC2329 # on_exit calls it
say_what_serves() { "$infra_folder/traffic.sh" show "${common[@]}"; }

main
