#!/usr/bin/env bash
# Test a running LesionLens from outside: health, a real classification, CORS, an error, the page.
#
#   infra/smoke.sh BASE_URL [--model-version VERSION] [--origin ORIGIN] [--no-page]
#                           [--wait SECONDS] [--help]
#
#   --model-version VERSION  the version that must answer
#   --origin ORIGIN          an origin in ALLOWED_ORIGINS, which CORS must allow;
#                            default: check that CORS does not allow another origin
#   --no-page                the page is not served here
#   --wait SECONDS           how long to wait for the first answer, after a deployment
#
# Prints a table of the checks; the exit status is the number of failed checks. LESIONLENS_API_KEY,
# for services that require a key, is sent as a bearer token. Needs curl and python3.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

base=''
version=''
origin=''
page=1
patience=0
while (($#)); do
  case $1 in
    --model-version)
      version=${2-}
      [[ -n $version ]] || wrong_argument '--model-version without a version'
      shift
      ;;
    --origin)
      origin=${2-}
      [[ $origin =~ ^https?://[^/]+$ ]] || wrong_argument "--origin '$origin'"
      shift
      ;;
    --no-page) page=0 ;;
    --wait)
      [[ ${2-} =~ ^[0-9]{1,4}$ ]] || wrong_argument "--wait '${2-}'"
      patience=$2
      shift
      ;;
    http://* | https://*)
      [[ -z $base ]] || wrong_argument "a second address, $1,"
      base=${1%/}
      ;;
    *) parse_common "$1" || wrong_argument "'$1'" ;;
  esac
  shift
done
if [[ -z $base ]]; then
  usage >&2
  exit 2
fi
if dry; then
  quoted "$0" "$base"
  exit 0
fi
temporary_folder
failed=0

# fetch CURL_ARGUMENT…: send a request; body and headers go to files, the status to $status. There
# are no retries: --wait is for new addresses, and an intermittent failure is a failure.
fetch() {
  : >"$scratch/body"
  : >"$scratch/headers"
  : >"$scratch/note"
  status=$(curl --silent --show-error --max-time 60 --output "$scratch/body" \
    --dump-header "$scratch/headers" --write-out '%{http_code}' \
    ${LESIONLENS_API_KEY:+--header "Authorization: Bearer $LESIONLENS_API_KEY"} \
    "$@" 2>"$scratch/errors") || status="no answer: $(head -n 1 "$scratch/errors")"
}

# report NAME PROBLEM: print a line of the table; an empty problem is a pass.
report() {
  if [[ -z $2 ]]; then
    printf '%-4s  %-16s  %s\n' ok "$1" "${3-}"
  else
    printf '%-4s  %-16s  %s\n' FAIL "$1" "$2"
    failed=$((failed + 1))
  fi
}

# header NAME: print a header of the response; NAME in lower case.
header() {
  local line value=''
  while IFS= read -r line; do
    [[ ${line,,} != "$1:"* ]] || value=${line#*:}
  done <"$scratch/headers"
  value=${value%$'\r'}
  printf '%s\n' "${value# }"
}

# expect STATUS CONTENT_TYPE: print what is wrong with the response, if anything.
expect() {
  if [[ $status != "$1" ]]; then
    echo "status $status, expected $1: $(head -c 200 "$scratch/body" 2>/dev/null | tr '\n' ' ')"
  elif [[ $(header content-type) != "$2"* ]]; then
    echo "content type '$(header content-type)', expected $2"
  fi
}

# json CODE: run Python code on the response (`answer`); its output or exception is the problem, and
# text written to `note` appears in the table.
json() {
  VERSION=$version python3 -c "
import json, os, sys
try:
    answer = json.load(open(sys.argv[1]))
    version = os.environ['VERSION']
    note = open(sys.argv[2], 'w')
    $1
except Exception as error:
    print(type(error).__name__, error)
" "$scratch/body" "$scratch/note"
}

check_health() {
  fetch "$base/health"
  while [[ $status != 200 ]] && ((SECONDS < patience)); do
    sleep 2
    fetch "$base/health"
  done
  report health "$(expect 200 application/json)"
}

check_ready() {
  fetch "$base/ready"
  report 'model loads' "$(expect 200 application/json)"
}

check_classify() {
  fetch --form "image=@$infra_folder/smoke.jpg;type=image/jpeg" "$base/v1/classify"
  local problem
  problem=$(expect 200 application/json)
  [[ -n $problem ]] || problem=$(json "
    total = sum(entry['probability'] for entry in answer['probabilities'])
    if len(answer['probabilities']) != 7 or abs(total - 1) > 1e-3:
        print(len(answer['probabilities']), 'probabilities, together', total)
    served = answer['model']['version']
    if version and served != version:
        print('version', served, 'answers, not', version)
    if 'Not a medical diagnosis' not in answer['notice']:
        print('the notice is missing')
    if not answer['request_id']:
        print('the request id is empty')
    print('version', served, answer['timing_ms']['total'], 'ms', file=note)")
  report classification "$problem" "$(<"$scratch/note")"
}

check_cors() {
  local asked=${origin:-https://not-allowed.example.org} allowed problem=''
  fetch --request OPTIONS --header "Origin: $asked" --header 'Access-Control-Request-Method: POST' \
    "$base/v1/classify"
  allowed=$(header access-control-allow-origin)
  if [[ ! $status =~ ^2 ]]; then
    problem="status $status"
  elif [[ -n $origin && $allowed != "$origin" && $allowed != '*' ]]; then
    problem="$origin is not let in (Access-Control-Allow-Origin: '$allowed')"
  elif [[ -z $origin && ($allowed == "$asked" || $allowed == '*') ]]; then
    problem="an origin that is not allowed is let in (Access-Control-Allow-Origin: '$allowed')"
  fi
  report 'CORS preflight' "$problem"
}

check_error() {
  fetch --header 'Content-Type: text/plain' --data 'no image' "$base/v1/classify"
  local problem
  problem=$(expect 415 application/problem+json)
  [[ -n $problem ]] || problem=$(json "
    missing = {'type', 'title', 'status', 'detail', 'request_id'} - set(answer)
    if missing:
        print('the problem lacks', ', '.join(sorted(missing)))
    if 'Traceback' in str(answer):
        print('the problem tells of the inside')")
  report 'an error' "$problem"
}

check_page() {
  fetch "$base/"
  local problem
  problem=$(expect 200 text/html)
  [[ -n $problem ]] || grep -qi '<form' "$scratch/body" || problem='there is no form in it'
  [[ -n $problem || -n $(header content-security-policy) ]] ||
    problem='the header Content-Security-Policy is missing'
  report page "$problem"
}

echo "$base"
check_health
check_ready
check_classify
# ALLOWED_ORIGINS may be *, which the operator decides.
if [[ $ALLOWED_ORIGINS == '*' && -z $origin ]]; then origin=https://any.example.org; fi
check_cors
check_error
if ((page)); then check_page; fi
exit "$failed"
