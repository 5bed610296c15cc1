#!/usr/bin/env bash
# Go back to the previous version of the model.
#
#   infra/rollback.sh [--dry-run] [--help]
#
# Moves the pointer back (python -m training rollback), deploys the serving code pinned to the
# version that the pointer then names, runs the smoke test and moves all traffic at once: the
# serving model is faulty, so there is no reason for steps. If this fails, traffic and pointer are
# restored.
#
# If the code is faulty and not the model, infra/traffic.sh back is enough, and takes seconds: it
# moves the traffic to the previous revision, which has its model pinned.
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
# Forced: that version served until now, so no comparison is needed.
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
