#!/usr/bin/env bash
# Put one HTTPS load balancer in front of the web bucket and the function, so that they share one
# origin, and the function is reached from outside through it only.
#
#   infra/ensure_origin.sh [--dry-run] [--help]
#
#   https://DOMAIN           /v1/*, /health, /ready, /openapi.json, /problems: the function; the
#                            rest: the page
#   https://CANDIDATE_HOST   the same, but with the revision that is tagged "candidate"
#   http://                  moved permanently to https://
#
# Prints the two DNS records to create; the certificate becomes valid some 15 to 60 minutes later.
# Existing resources are kept and updated. Needs DOMAIN, the buckets of infra/bootstrap.sh, and the
# function of infra/deploy_function.sh.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

for argument in "$@"; do
  parse_common "$argument" || wrong_argument "$argument"
done
check_settings DOMAIN CANDIDATE_HOST
temporary_folder

function_headers=(
  'Strict-Transport-Security: max-age=31536000; includeSubDomains'
)
# The function sends these itself, the bucket does not.
mapfile -t page_headers <"$repository_folder/function/lesionlens/api/security_headers.txt"
page_headers+=("${function_headers[@]}")

main() {
  rate_limit
  function_backend "$SERVICE-function"
  function_backend "$SERVICE-candidate" --cloud-run-tag=candidate
  page_backend
  address_and_certificate
  routes
  say "DNS records to make, if they are not there yet:"
  local address
  address=$(ask ADDRESS compute addresses describe "$SERVICE" --global --format='value(address)')
  printf '%s. A %s\n' "$DOMAIN" "$address" "$CANDIDATE_HOST" "$address"
  say "$ORIGIN serves $SERVICE in $REGION and the page, once its name and certificate are known"
}

rate_limit() {
  ensure compute security-policies -- "$SERVICE" -- --description='LesionLens: a limit a client'
  local verb=create
  if there_is compute security-policies rules describe 1000 --security-policy="$SERVICE"; then
    verb=update
  fi
  cloud compute security-policies rules "$verb" 1000 --security-policy="$SERVICE" \
    --src-ip-ranges='*' --action=throttle --conform-action=allow --exceed-action=deny-429 \
    --rate-limit-threshold-count="$RATE_LIMIT_PER_MINUTE" \
    --rate-limit-threshold-interval-sec=60 --enforce-on-key=IP
}

# function_backend NAME [NEG_FLAG]
function_backend() {
  local name=$1 headers=() groups group region
  shift
  ensure compute network-endpoint-groups -- "$name" --region="$REGION" -- \
    --network-endpoint-type=serverless --cloud-run-service="$SERVICE" "$@"
  if there_is compute backend-services describe "$name" --global; then
    say "= backend service $name"
  else
    cloud compute backend-services create "$name" --global \
      --load-balancing-scheme=EXTERNAL_MANAGED --protocol=HTTPS
  fi
  # After a change of REGION, the old region's function is removed once the new one's exists.
  groups=$(ask '' compute backend-services describe "$name" --global \
    --format='value[delimiter=" "](backends[].group)')
  if [[ "$groups " != *"/regions/$REGION/networkEndpointGroups/$name "* ]]; then
    cloud compute backend-services add-backend "$name" --global \
      --network-endpoint-group="$name" --network-endpoint-group-region="$REGION"
  fi
  for group in $groups; do
    region=${group#*/regions/}
    region=${region%%/*}
    if [[ $region != "$REGION" ]]; then
      cloud compute backend-services remove-backend "$name" --global \
        --network-endpoint-group="$name" --network-endpoint-group-region="$region"
    fi
  done
  headers=("${function_headers[@]/#/--custom-response-header=}")
  # The load balancer's request log would contain client addresses.
  cloud compute backend-services update "$name" --global --security-policy="$SERVICE" \
    --no-enable-logging "${headers[@]}"
}

page_backend() {
  ensure compute backend-buckets -- "$SERVICE-web" -- --gcs-bucket-name="$WEB_BUCKET"
  cloud compute backend-buckets update "$SERVICE-web" --gcs-bucket-name="$WEB_BUCKET" \
    --enable-cdn --cache-mode=USE_ORIGIN_HEADERS --compression-mode=AUTOMATIC \
    "${page_headers[@]/#/--custom-response-header=}"
  # The load balancer reads the private bucket with its own identity, as organizations refuse grants
  # to allUsers. That identity is created with the project's first backend bucket.
  # https://cloud.google.com/cdn/docs/configure-private-bucket-access
  grant_bucket "$WEB_BUCKET" "service-$(project_number)@https-lb.iam.gserviceaccount.com" \
    roles/storage.objectViewer
}

# A managed certificate cannot be changed, so its name contains a checksum of its host names.
certificate="$SERVICE-$(cksum <<<"$DOMAIN,$CANDIDATE_HOST" | cut -d' ' -f1)"

address_and_certificate() {
  ensure compute addresses -- "$SERVICE" --global -- --ip-version=IPV4
  ensure compute ssl-certificates -- "$certificate" --global -- \
    --domains="$DOMAIN,$CANDIDATE_HOST"
  ensure compute ssl-policies -- "$SERVICE" --global -- --profile=MODERN --min-tls-version=1.2
}

routes() {
  # An import replaces the map and is refused if the tests in the map fail.
  cloud compute url-maps import "$SERVICE" --global --source="$(render origin/url-map.yaml)"
  cloud compute url-maps import "$SERVICE-http" --global \
    --source="$(render origin/url-map-http.yaml)"

  local verb=create
  if there_is compute target-https-proxies describe "$SERVICE" --global; then
    verb=update
  fi
  cloud compute target-https-proxies "$verb" "$SERVICE" --global --global-url-map \
    --url-map="$SERVICE" --ssl-certificates="$certificate" --ssl-policy="$SERVICE"
  ensure compute target-http-proxies -- "$SERVICE" --global -- --url-map="$SERVICE-http"
  ensure compute forwarding-rules -- "$SERVICE-https" --global -- \
    --load-balancing-scheme=EXTERNAL_MANAGED --address="$SERVICE" --ports=443 \
    --target-https-proxy="$SERVICE"
  ensure compute forwarding-rules -- "$SERVICE-http" --global -- \
    --load-balancing-scheme=EXTERNAL_MANAGED --address="$SERVICE" --ports=80 \
    --target-http-proxy="$SERVICE"
}

main
