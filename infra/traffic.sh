#!/usr/bin/env bash
# Show and move the traffic between revisions of the function.
#
#   infra/traffic.sh COMMAND [--dry-run] [--help]
#
#   show      the revisions that have traffic or a tag
#   canary    give the candidate CANARY_PERCENT of the traffic for SOAK_SECONDS, ask the origin all
#             the while, then read the candidate's log; whatever is wrong, or an interruption, takes
#             its traffic away again
#   full      give the candidate all the traffic and tag the revision that had it "previous"; if the
#             origin then does not pass infra/smoke.sh, go back
#   withdraw  take the candidate's traffic away; the others share it
#   back      give "previous" all the traffic
#   tag       tag the revision that serves "live" and take the candidate's tag away, which closes
#             its address
#
# A revision has its model's version pinned, so the model goes where the traffic goes.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

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

withdraw() { update --to-tags=candidate=0; }
back() { update --to-tags=previous=100; }

canary() {
  local table candidate started
  table=$(traffic_table)
  candidate=$(tagged_revision "$table" candidate)
  [[ -n $candidate ]] || die "no revision is tagged candidate; infra/deploy_function.sh makes one"
  if [[ $candidate == "$(serving_revision "$table")" ]]; then
    die "the candidate, $candidate, already serves"
  fi
  started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
  # Set before the traffic moves: an interruption in between must not leave it there.
  trap 'say "the candidate failed"; withdraw' EXIT
  trap 'exit 1' INT TERM
  update --to-tags="candidate=$CANARY_PERCENT"
  soak
  read_log "$candidate" "$started"
  trap - EXIT INT TERM
}

soak() {
  if dry; then
    quoted "$infra_folder/smoke.sh" "$ORIGIN"
    quoted sleep "$SOAK_SECONDS"
    return
  fi
  local end=$((SECONDS + SOAK_SECONDS))
  # A quiet service would tell nothing, so ask it; a share of these reaches the candidate.
  "$infra_folder/smoke.sh" "$ORIGIN"
  while ((SECONDS < end)); do
    sleep 5
    "$infra_folder/smoke.sh" "$ORIGIN"
  done
}

# read_log REVISION SINCE: fail if it logged an error or answered a server error.
read_log() {
  local filter found
  filter='resource.type="cloud_run_revision"'
  filter+=" AND resource.labels.service_name=\"$SERVICE\""
  filter+=" AND resource.labels.revision_name=\"$1\" AND timestamp>=\"$2\""
  filter+=' AND (severity>=ERROR OR httpRequest.status>=500)'
  found=$(ask '' logging read "$filter" --limit=5 \
    --format='value(timestamp,severity,jsonPayload.message,textPayload)')
  [[ -z $found ]] || die "$1 logged errors:"$'\n'"$found"
}

full() {
  local table serving candidate
  table=$(traffic_table)
  serving=$(serving_revision "$table")
  candidate=$(tagged_revision "$table" candidate)
  [[ -n $candidate ]] || die "no revision is tagged candidate; infra/deploy_function.sh makes one"
  [[ $candidate != "$serving" ]] || die "the candidate, $candidate, already serves"
  trap 'say "the new revision failed"; back' EXIT
  trap 'exit 1' INT TERM
  update --update-tags="previous=$serving" --to-tags=candidate=100
  run "$infra_folder/smoke.sh" "$ORIGIN"
  trap - EXIT INT TERM
}

tag() {
  local serving
  serving=$(serving_revision "$(traffic_table)")
  update --update-tags="live=$serving" --remove-tags=candidate
}

case $command in
  '')
    usage >&2
    exit 2
    ;;
  canary | full) check_settings DOMAIN ;;
  *) check_settings ;;
esac
"$command"
