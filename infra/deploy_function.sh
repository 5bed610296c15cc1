#!/usr/bin/env bash
# Deploy the function: a new revision without traffic, tagged "candidate".
#
#   infra/deploy_function.sh [--model-version VERSION] [--image IMAGE | --same-code] [--first]
#                            [--dry-run] [--help]
#
#   --model-version VERSION  the release that the revision is pinned to; default: the current one
#   --image IMAGE            REPOSITORY/NAME@sha256:DIGEST; default: build one from this working tree
#   --same-code              the image of the revision that serves now, which need not be the newest
#   --first                  the service does not exist yet: the revision takes all the traffic
#
# The image is pinned by its digest and the release by its version, so a revision's code and model
# never change. Memory, CPU, limits and so on come from infra/settings.sh and never from the
# previous revision, so a failed one has no lasting effect. The candidate's own address is
# https://CANDIDATE_HOST; infra/traffic.sh gives it traffic, and infra/rollout.sh does all of this
# in order.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"
source "$infra_folder/lock.sh"

version=''
image=''
same_code=0
first=0
while (($#)); do
  case $1 in
    --model-version)
      version=${2-}
      [[ $version =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ && $version != current ]] ||
        wrong_argument "--model-version '$version'"
      shift
      ;;
    --image)
      image=${2-}
      [[ $image =~ ^[a-z0-9./_-]+@sha256:[0-9a-f]{64}$ ]] || wrong_argument "--image '$image'"
      shift
      ;;
    --same-code) same_code=1 ;;
    --first) first=1 ;;
    *) parse_common "$1" || wrong_argument "$1" ;;
  esac
  shift
done
check_settings
if ((same_code)) && { ((first)) || [[ -n $image ]]; }; then
  wrong_argument '--same-code together with --first or --image'
fi

main() {
  local built
  take_lock
  [[ -n $version ]] || version=$(current_version)
  if ((first)); then refuse_existing; else clear_the_way; fi
  if [[ -z $image ]]; then
    if ((same_code)); then
      image=$(serving_image)
    else
      built=$("$infra_folder/build_image.sh" "${common[@]}")
      # A dry run prints the command before the name.
      if dry; then printf '%s\n' "${built%$'\n'*}"; fi
      image=${built##*$'\n'}
    fi
  fi
  deploy
  say "deployed $image with model version $version"
  if ((first)); then
    say 'it serves all requests'
  else
    say "it has no traffic yet; $(serving_revision "$table") serves"
  fi
}

common=()
if dry; then common=(--dry-run); fi

# --first moves all traffic at once, which must not happen to a service that already serves.
refuse_existing() {
  if there_is run services describe "$SERVICE" --region="$REGION"; then
    die "$SERVICE exists already; deploy without --first"
  fi
}

clear_the_way() {
  local candidate percent
  table=$(traffic_table) ||
    die "$SERVICE cannot be described; if it does not exist yet, the first deployment is --first"
  candidate=$(tagged_revision "$table" candidate)
  [[ -n $candidate ]] || return 0
  percent=$(traffic_percent "$table" "$candidate")
  # Left by a rollout that was killed in one of its steps: a person has to decide.
  if ((percent > 0 && percent < 100)); then
    die "the candidate has $percent% of the traffic, and nobody holds the lock: a rollout ended" \
      "half-way. infra/traffic.sh withdraw takes the traffic back, infra/traffic.sh full goes on"
  fi
  # Left by a failed rollout. Removed before the new candidate exists, so that the old one's answers
  # are not mistaken for the new one's.
  cloud run services update-traffic "$SERVICE" --region="$REGION" --remove-tags=candidate
}

# serving_image: the digest of the image of the revision that serves. The service's template is the
# newest revision's, which after a failed rollout is not the one that serves.
serving_image() {
  local serving found
  serving=$(serving_revision "$table")
  found=$(ask "$FUNCTION_IMAGE@sha256:SERVING" run revisions describe "$serving" \
    --region="$REGION" --format='value(status.imageDigest)')
  [[ $found == *@sha256:* ]] || die "the image of $serving is '$found', which is no digest"
  printf '%s\n' "$found"
}

deploy() {
  local environment secrets traffic
  # THREADS: the number of concurrent requests that Cloud Run sends, so that none waits for a
  # thread. INTERPRETERS: one for each core; a second one on the same core makes both slower.
  environment="MODEL_URI=$STORE;MODEL_VERSION=$version;PRELOAD_MODEL=1"
  environment+=";THREADS=$CONCURRENCY;INTERPRETERS=$CPU;LOG_LEVEL=$LOG_LEVEL"
  environment+=";MAX_UPLOAD_BYTES=$MAX_UPLOAD_BYTES;GOOGLE_CLOUD_PROJECT=$PROJECT"
  environment+=";ALLOWED_ORIGINS=$ALLOWED_ORIGINS"
  # The load balancer appends the client's address and its own to X-Forwarded-For.
  environment+=";TRUSTED_HOPS=2;LIMIT_STORE=$LIMIT_STORE;RATE_LIMIT=$PUBLIC_RATE_LIMIT"
  # For traces, the storage client would read bucket metadata, for which the function has no
  # permission.
  environment+=";DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA=true"
  if [[ -n $API_KEYS_VERSION ]]; then
    secrets=(--set-secrets="API_KEYS=$API_KEYS_SECRET:$API_KEYS_VERSION") # pragma: allowlist secret
  else
    secrets=(--clear-secrets)
  fi
  if ((first)); then
    # Anybody may call it. Organizations with domain-restricted sharing, the default since May 2024,
    # refuse grants to allUsers; without the invoker check no grant is needed.
    # https://cloud.google.com/run/docs/authenticating/public
    traffic=(--no-invoker-iam-check --tag=candidate)
  else
    traffic=(--no-traffic --tag=candidate)
  fi
  # --min applies to the service; --min-instances would apply to each tagged revision.
  # --max-instances applies to the revision; --max, for the service, is only in gcloud's beta track
  # (528) and excludes tagged revisions without traffic. The probe checks that the model is loaded:
  # an instance that could not load it gets no requests, and a revision that cannot never becomes
  # ready. The period is short because each failure costs one. gen2 has a full Linux kernel, on
  # which the decoders' memory and time limits rely.
  cloud run deploy "$SERVICE" --region="$REGION" --image="$image" \
    --service-account="$FUNCTION_ACCOUNT" --execution-environment=gen2 \
    --memory="$MEMORY" --cpu="$CPU" --cpu-boost --concurrency="$CONCURRENCY" \
    --min="$MIN_INSTANCES" --min-instances=default \
    --max-instances="$MAX_INSTANCES" --timeout="$TIMEOUT" \
    --startup-probe='httpGet.path=/ready,periodSeconds=1,timeoutSeconds=1,failureThreshold=60' \
    --ingress="$INGRESS" --set-env-vars="^;^$environment" "${secrets[@]}" "${traffic[@]}"
}

main
