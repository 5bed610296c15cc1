#!/usr/bin/env bash
# Go back to the version before.
#
#   infra/rollback.sh [--dry-run] [--help]
#
# Moves the pointer back (python -m training rollback), deploys the present code pinned to the version
# that it then names, tries it and gives it all the traffic at once: what serves now is what is
# wrong, so nothing is gained by steps.
#
# When it is the code that is wrong and not the model, infra/traffic.sh back is enough, and takes
# seconds: it gives the traffic to the revision that had it before, which has its model pinned.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

for argument in "$@"; do
  parse_common "$argument" || wrong_argument "$argument"
done
check_settings DOMAIN CANDIDATE_HOST
if ! dry && [[ ! -x $PYTHON ]]; then
  die "$PYTHON does not exist; set PYTHON to one with training/'s requirements"
fi
cd "$repository_folder"

# Forced: that version served until now, however it compares.
keep_pointer promote BEFORE --force
run "$PYTHON" -m training rollback --store "$STORE"
version=$(current_version)
common=()
if dry; then common=(--dry-run); fi
"$infra_folder/deploy_function.sh" --same-code --model-version "$version" "${common[@]}"
run "$infra_folder/smoke.sh" "$CANDIDATE_ORIGIN" --wait 120 --model-version "$version"
"$infra_folder/traffic.sh" full "${common[@]}"
trap - EXIT
"$infra_folder/traffic.sh" tag "${common[@]}"
say "$version is served"
