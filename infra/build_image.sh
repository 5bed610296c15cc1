#!/usr/bin/env bash
# Build the function's image from function/, with Cloud Build, and print its name with its digest.
#
#   infra/build_image.sh [--dry-run] [--help]
#
# infra/cloudbuild.image.yaml builds it, tests it without privileges, and checks its packages for
# known vulnerabilities; a finding fails the build. Cloud Build then pushes it and signs its
# provenance, and stores the list of its packages in gs://BUILD_BUCKET/sbom/.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

for argument in "$@"; do
  parse_common "$argument" || wrong_argument "$argument"
done
check_settings

commit=$(git -C "$repository_folder" rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
tag=$(date -u +%Y%m%d-%H%M%S)-$commit
digest=$(ask "sha256:$(printf '%064d' 0)" builds submit "$repository_folder/function" \
  --region="$REGION" --config="$infra_folder/cloudbuild.image.yaml" \
  --gcs-source-staging-dir="gs://$BUILD_BUCKET/source" \
  --service-account="projects/$PROJECT/serviceAccounts/$BUILD_ACCOUNT" \
  --substitutions="_IMAGE=$FUNCTION_IMAGE:$tag,_BUILD_BUCKET=$BUILD_BUCKET,_BASE_IMAGE=$BASE_IMAGE" \
  --format='value(results.images[0].digest)')
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || die "the build ended without an image: '$digest'"
printf '%s\n' "$FUNCTION_IMAGE@$digest"
