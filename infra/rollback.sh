#!/usr/bin/env bash
# Go back to the model version before.
#
#   infra/rollback.sh [--dry-run] [--help]
#
# Moves the pointer back (python -m training rollback), deploys the code that serves pinned to the
# version that it then names, smoke tests it and gives it all the traffic at once: what serves now is
# wrong, so steps gain nothing. If it fails, traffic and pointer go back to where they were.
#
# When it is the code that is wrong and not the model, infra/traffic.sh back is enough, and takes
# seconds: it gives the traffic to the revision that had it before, which has its model pinned.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"
source "$infra_folder/lock.sh"

for argument in "$@"; do
  parse_common "$argument" || wrong_argument "$argument"
done
check_settings DOMAIN CANDIDATE_HOST
needs_training_python
common=()
if dry; then common=(--dry-run); fi
cd "$repository_folder"

take_lock
# Forced: that version served until now, however it compares.
keep_pointer promote BEFORE --force
run "$PYTHON" -m training rollback --store "$STORE"
version=$(current_version)
"$infra_folder/deploy_function.sh" --same-code --model-version "$version" "${common[@]}"
"$infra_folder/deploy_web.sh" --release "$version" "${common[@]}"
renew_lock
run "$infra_folder/smoke.sh" "$CANDIDATE_ORIGIN" --wait 120 --model-version "$version"
"$infra_folder/traffic.sh" full "${common[@]}"
not_on_exit restore_pointer
"$infra_folder/traffic.sh" tag "${common[@]}"
"$infra_folder/traffic.sh" show "${common[@]}"
say "$version is served"
