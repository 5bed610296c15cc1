#!/usr/bin/env bash
# Deploy function/ as a Cloud Run function: a new revision without traffic, tagged "candidate".
#
#   infra/deploy_function.sh [--model-version VERSION] [--first | --same-code]
#                            [--source FOLDER] [--dry-run] [--help]
#
#   --model-version VERSION  the release that the revision is pinned to; default: the current one
#   --first                  the service does not exist yet: the revision takes all the traffic, and
#                            everybody may call the service through the load balancer
#   --same-code              build nothing: the latest revision's code with another release
#   --source FOLDER          what to deploy; default: function/ (infra/package.sh makes such a folder)
#
# The version is pinned in the revision's environment, so a revision and its model go together, one
# way and the other. The candidate's own address is https://CANDIDATE_HOST; infra/traffic.sh gives
# it traffic. Memory, CPU, limits and the rest are in infra/settings.sh.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

version=''
source_folder=$repository_folder/function
mode=candidate
while (($#)); do
  case $1 in
    --model-version)
      version=${2-}
      [[ $version =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ && $version != current ]] ||
        wrong_argument "--model-version '$version'"
      shift
      ;;
    --first) mode=first ;;
    --same-code) mode=same-code ;;
    --source)
      source_folder=${2-}
      [[ -f $source_folder/main.py ]] || die "--source '$source_folder' holds no main.py"
      shift
      ;;
    *) parse_common "$1" || wrong_argument "$1" ;;
  esac
  shift
done
check_settings

[[ -n $version ]] || version=$(current_version)

clear_the_way() {
  local table candidate percent
  table=$(traffic_table) ||
    die "$SERVICE cannot be described; if it does not exist yet, the first deployment is --first"
  candidate=$(tagged_revision "$table" candidate)
  [[ -n $candidate ]] || return 0
  percent=$(awk -F, -v revision="$candidate" '$3 == revision { sum += $1 } END { print sum + 0 }' \
    <<<"$table")
  # A rollout that stands at its first share would be cut off half-way.
  if ((percent > 0 && percent < 100)); then
    die "the candidate has $percent% of the traffic: another rollout is under way" \
      "(infra/traffic.sh show); finish it with infra/traffic.sh full, or infra/traffic.sh withdraw"
  fi
  # Left by a rollout that failed. Gone before the new one is there, so that for some seconds
  # nobody takes the old candidate's answers for the new one's.
  cloud run services update-traffic "$SERVICE" --region="$REGION" --remove-tags=candidate
}

without_traffic=(--no-traffic --tag=candidate)
case $mode in
  first) without_traffic=(--allow-unauthenticated --tag=candidate) ;;
  *) clear_the_way ;;
esac

if [[ $mode == same-code ]]; then
  cloud run services update "$SERVICE" --region="$REGION" \
    --update-env-vars="MODEL_VERSION=$version" "${without_traffic[@]}"
else
  # THREADS: as many requests as Cloud Run sends at a time, none of them waiting for a thread.
  # INTERPRETERS: one a core; a second on the same core makes both slower.
  environment="MODEL_URI=$STORE;MODEL_VERSION=$version;PRELOAD_MODEL=1"
  environment+=";THREADS=$CONCURRENCY;INTERPRETERS=$CPU;LOG_LEVEL=$LOG_LEVEL"
  environment+=";MAX_UPLOAD_BYTES=$MAX_UPLOAD_BYTES;GOOGLE_CLOUD_PROJECT=$PROJECT"
  environment+=";ALLOWED_ORIGINS=$ALLOWED_ORIGINS"
  # The load balancer adds the client's address and its own to X-Forwarded-For.
  environment+=";TRUSTED_HOPS=2;LIMIT_STORE=$LIMIT_STORE;RATE_LIMIT=$PUBLIC_RATE_LIMIT"
  # The client would ask what the bucket is like, for traces: the function may not, and need not.
  environment+=";DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA=true"
  if [[ -n $API_KEYS_VERSION ]]; then
    secrets=(--set-secrets="API_KEYS=$API_KEYS_SECRET:$API_KEYS_VERSION") # pragma: allowlist secret
  else
    secrets=(--clear-secrets)
  fi
  # The probe asks for the model: an instance that could not load it gets no request, and a
  # revision that cannot never becomes ready. It is short because each failure costs its period.
  cloud run deploy "$SERVICE" --region="$REGION" --source="$source_folder" \
    --function=classify --base-image="$RUNTIME" \
    --service-account="$FUNCTION_ACCOUNT" \
    --build-service-account="projects/$PROJECT/serviceAccounts/$BUILD_ACCOUNT" \
    --memory="$MEMORY" --cpu="$CPU" --cpu-boost --concurrency="$CONCURRENCY" \
    --min-instances="$MIN_INSTANCES" --max-instances="$MAX_INSTANCES" --timeout="$TIMEOUT" \
    --startup-probe='httpGet.path=/ready,periodSeconds=1,timeoutSeconds=1,failureThreshold=60' \
    --ingress=internal-and-cloud-load-balancing \
    --set-env-vars="^;^$environment" "${secrets[@]}" "${without_traffic[@]}"
fi

say "model version $version"
