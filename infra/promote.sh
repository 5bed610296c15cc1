#!/usr/bin/env bash
# Make a published version the one that is served.
#
#   infra/promote.sh VERSION [--force] [--dry-run] [--help]
#
#   --force   promote it although it is worse than the current one
#
# Moves the pointer (python -m training promote, which refuses a worse model), then deploys the
# present code pinned to VERSION without traffic, tries it, and moves the traffic in steps. If the
# new revision fails on the way, the traffic stays or goes back, and so does the pointer.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

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
check_settings DOMAIN CANDIDATE_HOST
if ! dry && [[ ! -x $PYTHON ]]; then
  die "$PYTHON does not exist; set PYTHON to one with training/'s requirements"
fi
cd "$repository_folder"

# rollback, not promote: it also takes the failed version out of the history.
keep_pointer rollback
run "$PYTHON" -m training promote "$version" --store "$STORE" "${force[@]}"
common=()
if dry; then common=(--dry-run); fi
"$infra_folder/deploy_function.sh" --same-code --model-version "$version" "${common[@]}"
run "$infra_folder/smoke.sh" "$CANDIDATE_ORIGIN" --wait 120 --model-version "$version"
"$infra_folder/traffic.sh" canary "${common[@]}"
"$infra_folder/traffic.sh" full "${common[@]}"
trap - EXIT
"$infra_folder/traffic.sh" tag "${common[@]}"
say "$version is served"
