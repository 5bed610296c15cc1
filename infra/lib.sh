# shellcheck shell=bash disable=SC2154
# Functions that the scripts share. Source settings.sh first; a script parses its arguments and
# calls `check_settings` before its first command.

DRY_RUN=${DRY_RUN:-0}
export CLOUDSDK_CORE_DISABLE_PROMPTS=1
# A user's own credentials do not tell Google's Python client the project.
export GOOGLE_CLOUD_PROJECT=$PROJECT

# shellcheck disable=SC1091 # linted separately
source "$infra_folder/checks.sh"

say() { printf '%s\n' "$*" >&2; }

# die MESSAGE…: print an error and stop.
die() {
  say "${0##*/}: $*"
  exit 1
}

# The comment at the top of the calling script is its help text.
usage() {
  local line
  while read -r line && [[ $line == '#'* ]]; do
    line=${line#\#}
    [[ $line == '!'* ]] || printf '%s\n' "${line# }"
  done <"$0"
}

# parse_common ARGUMENT: process an option that all scripts have, or fail.
parse_common() {
  case $1 in
    --dry-run) DRY_RUN=1 ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) return 1 ;;
  esac
}

# wrong_argument ARGUMENT: stop because of an unknown argument.
wrong_argument() {
  say "${0##*/}: $1 is not known here; see --help"
  exit 2
}

# quoted COMMAND…: print the command with shell quoting.
quoted() {
  local line
  printf -v line '%q ' "$@"
  printf '%s\n' "${line% }"
}
# announce COMMAND…: the same, to standard error.
announce() {
  local line
  printf -v line '%q ' "$@"
  say "+ ${line% }"
}

dry() { [[ $DRY_RUN == 1 ]]; }

# run COMMAND…: print it, and unless this is a dry run, run it.
run() {
  if dry; then
    quoted "$@"
  else
    announce "$@"
    "$@"
  fi
}

# query PLACEHOLDER COMMAND…: print the output of a read-only command; a dry run prints the command
# and uses the placeholder as its output.
query() {
  local placeholder=$1
  shift
  if dry; then
    # To the script's standard output, not that of the enclosing command substitution.
    quoted "$@" >&9
    printf '%s\n' "$placeholder"
  else
    "$@"
  fi
}
exec 9>&1

# exists COMMAND…: whether a describe command finds its resource. In a dry run nothing exists, so
# that every command is shown.
exists() {
  if dry; then
    quoted "$@"
    return 1
  fi
  local errors
  if errors=$("$@" 2>&1 >/dev/null); then
    return 0
  fi
  # Only "not found" means that it does not exist; a missing permission or network does not.
  if [[ ${errors,,} =~ not.?found|does\ not\ exist|does\ not\ contain|404|cannot\ find ]]; then
    return 1
  fi
  die "$(quoted "$@") failed: $errors"
}

# patiently PATTERN COMMAND…: run it; while it fails with a message that matches the pattern, retry
# every 20 seconds for up to 15 minutes. New resources take time to be visible to other services.
patiently() {
  local pattern=$1 attempt errors
  shift
  if dry; then
    run "$@"
    return
  fi
  announce "$@"
  for ((attempt = 1; attempt <= 45; attempt++)); do
    # Standard output is the command's alone.
    if { errors=$("$@" 2>&1 >&3); } 3>&1; then return 0; fi
    if [[ ! $errors =~ $pattern ]]; then break; fi
    say "not there yet; trying again in 20 s: ${errors##*$'\n'}"
    sleep 20
  done
  say "$errors"
  return 1
}

cloud() { run gcloud "$@" --project="$PROJECT"; }
ask() {
  local placeholder=$1
  shift
  query "$placeholder" gcloud "$@" --project="$PROJECT"
}
there_is() { exists gcloud "$@" --project="$PROJECT"; }

# words NOUN… -- REST…: set noun and rest.
words() {
  noun=()
  while [[ $1 != -- ]]; do
    noun+=("$1")
    shift
  done
  rest=("${@:2}")
}

# ensure NOUN… -- NAME SCOPE_FLAG… -- CREATE_FLAG…: describe, then create. For resources without
# properties that we change; the callers update the others.
#   ensure compute addresses -- "$SERVICE" --global -- --ip-version=IPV4
ensure() {
  local noun rest name scope=()
  words "$@"
  set -- "${rest[@]}"
  name=$1
  shift
  while [[ $1 != -- ]]; do
    scope+=("$1")
    shift
  done
  if there_is "${noun[@]}" describe "$name" "${scope[@]}"; then
    say "= ${noun[*]} $name"
  else
    cloud "${noun[@]}" create "$name" "${scope[@]}" "${@:2}"
  fi
}

# listed NOUN… -- FILTER: print the name of the first resource that matches, or nothing.
listed() {
  local noun rest
  words "$@"
  ask '' "${noun[@]}" "${listing-list}" --filter="${rest[0]}" --format='value(name)' --limit=1
}

# ensure_bucket NAME UPDATE_FLAG…: create the bucket in REGION, private, and set its properties.
ensure_bucket() {
  local name=$1
  shift
  ensure storage buckets -- "gs://$name" -- \
    --location="$REGION" --uniform-bucket-level-access --public-access-prevention
  cloud storage buckets update "gs://$name" --public-access-prevention "$@"
}

# ensure_account NAME DISPLAY_NAME
ensure_account() {
  local email=$1@$PROJECT.iam.gserviceaccount.com
  if there_is iam service-accounts describe "$email"; then
    say "= service account $email"
  else
    cloud iam service-accounts create "$1" --display-name="$2"
  fi
}

# Granting is idempotent, so existing grants need no check. A service account that was just created
# is not known to all services yet.
unknown_member='does not exist|not found|NOT_FOUND'
grant() { patiently "$unknown_member" gcloud "$@" --format=none --project="$PROJECT"; }
grant_project() {
  grant projects add-iam-policy-binding "$PROJECT" \
    --member="serviceAccount:$1" --role="$2" --condition=None
}
grant_bucket() {
  grant storage buckets add-iam-policy-binding "gs://$1" --member="serviceAccount:$2" --role="$3"
}
grant_account() {
  grant iam service-accounts add-iam-policy-binding "$1" --member="$2" --role="$3"
}

# on_exit COMMAND…: run it when the script ends for any reason; the last registered runs first.
exit_actions=()
on_exit() {
  exit_actions=("$(quoted "$@")" "${exit_actions[@]}")
  trap run_exit_actions EXIT
  # A signal ends the script, so that the commands run.
  trap 'exit 130' INT TERM
}
# not_on_exit COMMAND…: unregister it.
not_on_exit() {
  local action kept=()
  for action in "${exit_actions[@]}"; do
    [[ $action == "$(quoted "$@")" ]] || kept+=("$action")
  done
  exit_actions=("${kept[@]}")
}
# shellcheck disable=SC2317,SC2329 # the trap calls it
run_exit_actions() {
  local status=$? action
  trap - EXIT INT TERM
  set +e
  for action in "${exit_actions[@]}"; do eval "$action"; done
  exit "$status"
}

# A temporary folder, removed when the script ends.
temporary_folder() {
  if [[ -z ${scratch-} ]]; then
    scratch=$(mktemp -d)
    on_exit rm -rf "$scratch"
  fi
}

# render TEMPLATE: replace @NAME@ in a file of infra/ by settings; print the result's path.
render() {
  local text rest name filled='' rendered=$scratch/${1##*/}
  rest=$(<"$infra_folder/$1")
  # From left to right, so that values are not searched for further names.
  while [[ $rest =~ @([A-Z_]+)@ ]]; do
    name=${BASH_REMATCH[1]}
    [[ -v $name ]] || die "$1 wants $name, which no setting has"
    text=${rest%%"@$name@"*}
    filled+=$text${!name}
    rest=${rest:${#text}+${#name}+2}
  done
  printf '%s\n' "$filled$rest" >"$rendered"
  printf '%s\n' "$rendered"
}

# traffic_table: one line for each target of the traffic, "PERCENT,TAG,REVISION".
traffic_table() {
  ask "100,,$SERVICE-SERVING"$'\n'",candidate,$SERVICE-CANDIDATE" \
    run services describe "$SERVICE" --region="$REGION" --flatten='status.traffic[]' \
    --format='csv[no-heading](status.traffic.percent,status.traffic.tag,status.traffic.revisionName)'
}

# serving_revision TABLE: print the revision with the most traffic.
serving_revision() {
  awk -F, '{ sum[$3] += $1; if (sum[$3] > sum[most] || most == "") most = $3 }
    END { print most }' <<<"$1"
}

# tagged_revision TABLE TAG: print the revision with the tag, or nothing.
tagged_revision() { awk -F, -v tag="$2" '$2 == tag { print $3; exit }' <<<"$1"; }

# traffic_percent TABLE REVISION: print the revision's share of the traffic.
traffic_percent() { awk -F, -v name="$2" '$3 == name { sum += $1 } END { print sum + 0 }' <<<"$1"; }

# current_version: print the version that the pointer names.
current_version() {
  local pointer
  pointer=$(ask '{"version": "CURRENT"}' storage cat "$STORE/current.json") ||
    die "$STORE/current.json cannot be read; publish and promote a release first"
  python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])' <<<"$pointer"
}

# keep_pointer UNDO…: when the script ends, undo its move of the pointer with `python -m training
# UNDO…`, in which BEFORE stands for the previous version. After success, call `not_on_exit
# restore_pointer`.
keep_pointer() {
  undo=("$@")
  pointer_before=$(current_version 2>/dev/null) || pointer_before=''
  on_exit restore_pointer
}
# shellcheck disable=SC2317,SC2329 # on_exit calls it
restore_pointer() {
  if [[ -n $pointer_before && $(current_version) != "$pointer_before" ]]; then
    say "this failed; moving the pointer back to $pointer_before"
    run "$PYTHON" -m training "${undo[@]/#BEFORE/$pointer_before}" --store "$STORE"
  fi
}

# needs_training_python: check that PYTHON can run `python -m training`.
needs_training_python() {
  if ! dry && [[ ! -x $PYTHON ]]; then
    die "$PYTHON does not exist; set PYTHON to one with training/'s requirements"
  fi
}

# project_number: print it; names of service agents and identity pools contain it.
project_number() { ask NUMBER projects describe "$PROJECT" --format='value(projectNumber)'; }
