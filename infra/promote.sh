#!/usr/bin/env bash
# Make a published version the one that is served.
#
#   infra/promote.sh VERSION [--force] [--dry-run] [--help]
#
#   --force   promote it even if it is worse than the current one
#
# Moves the pointer (python -m training promote, which refuses a worse model), deploys the serving
# code pinned to VERSION, runs the smoke test, and moves the traffic in steps. If the new revision
# fails, traffic and pointer stay or are restored. If no function is deployed yet, only the pointer
# is moved.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"
source "$infra_folder/lock.sh"

version=''
force=()
for argument in "$@"; do
  case $argument in
    --force) force=(--force) ;;
    -*) parse_common "$argument" || wrong_argument "$argument" ;;
    *)
      [[ -z $version && $argument =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ ]] ||
        wrong_argument "'$argument'"
      version=$argument
      ;;
  esac
done
if [[ -z $version ]]; then
  usage >&2
  exit 2
fi
check_settings
needs_training_python
common=()
if dry; then common=(--dry-run); fi
cd "$repository_folder"

take_lock
if ! dry && ! there_is run services describe "$SERVICE" --region="$REGION"; then
  run "$PYTHON" -m training promote "$version" --store "$STORE" "${force[@]}"
  say "$version is current; $SERVICE does not exist yet: go on with infra/deploy_function.sh --first"
  exit 0
fi
check_settings DOMAIN CANDIDATE_HOST
# rollback, not promote: it also removes the failed version from the history.
keep_pointer rollback
run "$PYTHON" -m training promote "$version" --store "$STORE" "${force[@]}"
"$infra_folder/deploy_function.sh" --same-code --model-version "$version" "${common[@]}"
"$infra_folder/deploy_web.sh" --release "$version" "${common[@]}"
renew_lock
run "$infra_folder/smoke.sh" "$CANDIDATE_ORIGIN" --wait 120 --model-version "$version"
"$infra_folder/traffic.sh" canary "${common[@]}"
not_on_exit restore_pointer
"$infra_folder/traffic.sh" tag "${common[@]}"
"$infra_folder/traffic.sh" show "${common[@]}"
say "$version is served"
