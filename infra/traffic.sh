#!/usr/bin/env bash
# Show and move the traffic between revisions of the function.
#
#   infra/traffic.sh COMMAND [--dry-run] [--help]
#
#   show      the revisions that have traffic or a tag
#   canary    give the candidate the shares CANARY_STEPS of the traffic, one after the other, and after
#             each compare it with the serving revision: errors, and 95th percentile of the time of
#             classifications. After the last step, all of the traffic, it is observed for as long
#             again. A problem or an interruption gives the traffic back
#   full      give the candidate all the traffic at once; if the origin then fails infra/smoke.sh,
#             give it back
#   withdraw  give all the traffic to the revision with the most of it apart from the candidate
#   back      give "previous" all the traffic; needs no lock, and stops a rollout in progress
#   tag       tag the serving revision "live" and remove the candidate's tag, which closes its
#             address
#
# The revision that served before the last full step is tagged "previous". Each revision is pinned
# to a version of the model, so moving the traffic also changes the model.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"
source "$infra_folder/lock.sh"

command=''
for argument in "$@"; do
  case $argument in
    show | canary | full | withdraw | back | tag)
      [[ -z $command ]] || wrong_argument "a second command, '$argument',"
      command=$argument
      ;;
    *) parse_common "$argument" || wrong_argument "'$argument'" ;;
  esac
done

update() { cloud run services update-traffic "$SERVICE" --region="$REGION" "$@"; }

show() {
  cloud run services describe "$SERVICE" --region="$REGION" --flatten='status.traffic[]' \
    --format='table(status.traffic.revisionName,status.traffic.percent,status.traffic.tag)'
}

back() {
  local previous
  previous=$(tagged_revision "$(traffic_table)" previous)
  dry || [[ -n $previous ]] || die 'no revision is tagged previous; nothing was changed'
  update --to-tags=previous=100
  say "${previous:-previous} has all the traffic"
}

# find_candidate: set candidate and serving.
find_candidate() {
  local table
  table=$(traffic_table)
  candidate=$(tagged_revision "$table" candidate)
  [[ -n $candidate ]] || die "no revision is tagged candidate; infra/deploy_function.sh makes one"
  # Excludes the candidate: after a killed rollout it may have the most traffic.
  serving=$(serving_revision "$(awk -F, -v name="$candidate" '$3 != name' <<<"$table")")
  [[ -n $serving && $(traffic_percent "$table" "$serving") != 0 ]] ||
    die "the candidate, $candidate, already has all the traffic"
}

withdraw() {
  take_lock
  find_candidate
  give_back
}

# give_back: give all the traffic to the revision that served before.
give_back() {
  update --to-revisions="$serving=100"
  say "$serving has all the traffic"
}
# shellcheck disable=SC2317,SC2329 # on_exit calls it
give_back_after_failure() {
  say "the candidate, $candidate, failed"
  # Unless a person, or a rollout that took over the lock, has moved the traffic meanwhile.
  if dry || traffic_is "$share"; then give_back; else say 'the traffic was moved meanwhile; left'; fi
}

# traffic_is PERCENT: whether the candidate has this share and the serving revision the rest.
traffic_is() {
  local table
  table=$(traffic_table) || return 1
  (($(traffic_percent "$table" "$candidate") == $1 && \
  $(traffic_percent "$table" "$serving") == 100 - $1))
}

# give PERCENT: give this share to the candidate and the rest to the serving revision.
give() {
  renew_lock
  dry || traffic_is "$share" || die 'somebody else moved the traffic; stopping here'
  if (($1 == 100)); then
    update --update-tags="previous=$serving" --to-revisions="$candidate=100"
  else
    update --to-revisions="$candidate=$1,$serving=$((100 - $1))"
  fi
  share=$1
}

canary() {
  local step
  take_lock
  find_candidate
  temporary_folder
  share=0
  # Registered before the traffic moves, so that any interruption moves it back.
  on_exit give_back_after_failure
  for step in $CANARY_STEPS; do
    give "$step"
    observe "$step"
  done
  # Observe once more with all of the traffic.
  observe 100
  not_on_exit give_back_after_failure
  say "$candidate has all the traffic"
}

full() {
  take_lock
  find_candidate
  share=0
  if ! dry; then share=$(traffic_percent "$(traffic_table)" "$candidate"); fi
  on_exit give_back_after_failure
  give 100
  run "$infra_folder/smoke.sh" "$ORIGIN"
  not_on_exit give_back_after_failure
  say "$candidate has all the traffic"
}

# observe PERCENT: send requests for SOAK_SECONDS, then evaluate the candidate by its log.
observe() {
  local since try verdict
  since=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  if dry; then
    since=SINCE
    quoted "$infra_folder/smoke.sh" "$ORIGIN"
    quoted sleep "$SOAK_SECONDS"
    judge "$1" || true
    return
  fi
  "$infra_folder/smoke.sh" "$ORIGIN"
  ask_both "$1" "$SOAK_SECONDS"
  # Log lines arrive late, and requests are distributed among revisions at random.
  for ((try = 1; try <= 6; try++)); do
    sleep "$LOG_DELAY_SECONDS"
    verdict=0
    judge "$1" || verdict=$?
    case $verdict in
      0) return ;;
      3) ask_both "$1" 0 ;;
      *) die "$candidate is worse than $serving, with $1% of the traffic" ;;
    esac
  done
  die "the log shows too few requests to judge $candidate by"
}

# ask_both PERCENT SECONDS: send classifications to the origin and to the candidate's address, for
# SECONDS and until each got CANARY_REQUESTS, at half of the rate limit of one address.
ask_both() {
  local pause=$((120 / RATE_LIMIT_PER_MINUTE + 1)) asked=0 waited=0 host hosts=("$ORIGIN")
  # With all of the traffic, the origin leads to the candidate.
  if (($1 < 100)); then hosts+=("$CANDIDATE_ORIGIN"); fi
  while ((asked < CANARY_REQUESTS || waited < $2)); do
    for host in "${hosts[@]}"; do
      classify "$host"
      sleep "$pause"
      waited=$((waited + pause))
    done
    asked=$((asked + 1))
  done
}

# classify ADDRESS: send a request, which must succeed.
classify() {
  local status
  status=$(curl --silent --max-time 60 --output /dev/null --write-out '%{http_code}' \
    ${LESIONLENS_API_KEY:+--header "Authorization: Bearer $LESIONLENS_API_KEY"} \
    --form "image=@$infra_folder/smoke.jpg" "$1/v1/classify") || status='no answer'
  [[ $status == 200 ]] || die "$1/v1/classify: $status"
}

# judge PERCENT: return 0 if the candidate is not worse than the serving revision, 1 if it is worse,
# 3 if there are too few requests in the log. The serving revision's statistics of the last step in
# which it had traffic are kept for the steps in which it has none.
judge() {
  local filter baseline=()
  filter='resource.type="cloud_run_revision"'
  filter+=" AND resource.labels.service_name=\"$SERVICE\""
  filter+=" AND resource.labels.revision_name=(\"$candidate\" OR \"$serving\")"
  filter+=" AND timestamp>=\"$since\" AND (httpRequest.status>0 OR severity>=ERROR)"
  if dry; then
    ask '' logging read "$filter" --limit=20000 --format=json >/dev/null
    return
  fi
  if (($1 == 100)) && [[ -f $scratch/baseline ]]; then baseline=(--baseline "$scratch/baseline"); fi
  ask '' logging read "$filter" --limit=20000 --format=json >"$scratch/log" ||
    die 'the log cannot be read'
  python3 "$infra_folder/judge.py" "$candidate" "$serving" --requests "$CANARY_REQUESTS" \
    --write-baseline "$scratch/next" "${baseline[@]}" <"$scratch/log" || return $?
  if (($1 < 100)); then mv "$scratch/next" "$scratch/baseline"; fi
}

tag() {
  local serving
  take_lock
  serving=$(serving_revision "$(traffic_table)")
  update --update-tags="live=$serving" --remove-tags=candidate
  say "$serving is live"
}

case $command in
  '')
    usage >&2
    exit 2
    ;;
  canary) check_settings DOMAIN CANDIDATE_HOST ;;
  full) check_settings DOMAIN ;;
  *) check_settings ;;
esac
"$command"
