#!/usr/bin/env bash
# Show the versions in the model bucket, with the current one marked, and the serving revisions.
#
#   infra/releases.sh [--dry-run] [--help]
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

for argument in "$@"; do
  parse_common "$argument" || wrong_argument "$argument"
done
check_settings
needs_training_python
cd "$repository_folder"

run "$PYTHON" -m training list --store "$STORE"
cloud run revisions list --service="$SERVICE" --region="$REGION" --limit=10 \
  --format='table(metadata.name:label=REVISION,metadata.creationTimestamp.date():label=CREATED,
    spec.containers[0].env.filter("name:MODEL_VERSION").extract("value").flatten():label=MODEL)'
common=()
if dry; then common=(--dry-run); fi
"$infra_folder/traffic.sh" show "${common[@]}"
