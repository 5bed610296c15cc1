# shellcheck shell=bash disable=SC2154
# What the scripts share. Source settings.sh first; a script parses its arguments, then calls
# `check_settings` before its first command.

DRY_RUN=${DRY_RUN:-0}
export CLOUDSDK_CORE_DISABLE_PROMPTS=1

say() { printf '%s\n' "$*" >&2; }

# die MESSAGE…: say what was wrong and stop.
die() {
  say "${0##*/}: $*"
  exit 1
}

# The comment at the top of the calling script is its manual.
usage() { sed -n '2,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"; }

# parse_common ARGUMENT: take an option that all scripts know, or fail.
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

# wrong_argument ARGUMENT: refuse what nobody knows.
wrong_argument() {
  say "${0##*/}: $1 is not known here; see --help"
  exit 2
}

quoted() {
  local line
  printf -v line '%q ' "$@"
  printf '%s\n' "${line% }"
}

dry() { [[ $DRY_RUN == 1 ]]; }

# run COMMAND…: print it, and unless this is a dry run, run it.
run() {
  if dry; then
    quoted "$@"
  else
    say "+ $(quoted "$@")"
    "$@"
  fi
}

# query PLACEHOLDER COMMAND…: print what a reading command says; a dry run has nobody to ask and
# prints the placeholder.
query() {
  local placeholder=$1
  shift
  if dry; then
    # To the standard output of the script, not of the substitution that this runs in.
    quoted "$@" >&9
    printf '%s\n' "$placeholder"
  else
    "$@"
  fi
}
exec 9>&1

# exists COMMAND…: whether a describing command finds its resource. A dry run shows the whole way,
# so there nothing exists yet.
exists() {
  if dry; then
    quoted "$@"
    return 1
  fi
  local errors
  if errors=$("$@" 2>&1 >/dev/null); then
    return 0
  fi
  # Only "there is none" leads on to creating it; no permission and no network do not.
  if grep -qiE 'not.?found|does not exist|does not contain|404|cannot find' <<<"$errors"; then
    return 1
  fi
  die "$(quoted "$@") failed: $errors"
}

cloud() { run gcloud "$@" --project="$PROJECT"; }
ask() {
  local placeholder=$1
  shift
  query "$placeholder" gcloud "$@" --project="$PROJECT"
}
there_is() { exists gcloud "$@" --project="$PROJECT"; }

# ensure NOUN… -- NAME DESCRIBE_FLAG… -- CREATE_FLAG…: describe, then create.
#   ensure iam service-accounts -- "$email" -- …
ensure() {
  local noun=() name describe=() creation=()
  while [[ $1 != -- ]]; do
    noun+=("$1")
    shift
  done
  shift
  name=$1
  shift
  while [[ $1 != -- ]]; do
    describe+=("$1")
    shift
  done
  shift
  creation=("$@")
  if there_is "${noun[@]}" describe "$name" "${describe[@]}"; then
    say "= ${noun[*]} $name"
  else
    cloud "${noun[@]}" create "$name" "${describe[@]}" "${creation[@]}"
  fi
}

# ensure_listed NOUN… -- FILTER -- CREATE_ARGUMENT…: as ensure, for what is found by a property only.
ensure_listed() {
  local noun=() filter found
  while [[ $1 != -- ]]; do
    noun+=("$1")
    shift
  done
  filter=$2
  shift 3
  found=$(ask '' "${noun[@]}" list --filter="$filter" --format='value(name)')
  if [[ -n $found ]]; then
    say "= ${noun[*]} $filter"
  else
    cloud "${noun[@]}" create "$@"
  fi
}

# ensure_bucket NAME CREATE_FLAG…
ensure_bucket() {
  local name=$1
  shift
  ensure storage buckets -- "gs://$name" -- \
    --location="$REGION" --uniform-bucket-level-access "$@"
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

# Granting twice is granting once, so these need no look first.
grant_project() {
  cloud projects add-iam-policy-binding "$PROJECT" \
    --member="serviceAccount:$1" --role="$2" --condition=None --format=none
}
grant_bucket() {
  cloud storage buckets add-iam-policy-binding "gs://$1" \
    --member="$2" --role="$3" --format=none
}
grant_account() {
  cloud iam service-accounts add-iam-policy-binding "$1" \
    --member="serviceAccount:$2" --role="$3" --format=none
}

# A folder for files that a command reads; gone when the script is.
temporary_folder() {
  if [[ -z ${scratch-} ]]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
  fi
}

# render TEMPLATE: a file of infra/ with its @NAME@ filled in from the settings; prints its path.
render() {
  local rendered=$scratch/${1##*/} name
  cp "$infra_folder/$1" "$rendered"
  while read -r name; do
    [[ -v $name ]] || die "$1 wants $name, which no setting has"
    sed -i "s|@$name@|${!name}|g" "$rendered"
  done < <(grep -oE '@[A-Z_]+@' "$rendered" | tr -d @ | sort -u)
  printf '%s\n' "$rendered"
}

# traffic_table: one line for each target of the traffic, "PERCENT,TAG,REVISION".
traffic_table() {
  ask "100,,$SERVICE-SERVING"$'\n'",candidate,$SERVICE-CANDIDATE" \
    run services describe "$SERVICE" --region="$REGION" --flatten='status.traffic[]' \
    --format='csv[no-heading](status.traffic.percent,status.traffic.tag,status.traffic.revisionName)'
}

# serving_revision TABLE: the revision with the most traffic.
serving_revision() { sort -t, -k1,1rn <<<"$1" | awk -F, 'NR == 1 { print $3 }'; }

# tagged_revision TABLE TAG: the revision that the tag is on; nothing if it is on none.
tagged_revision() { awk -F, -v tag="$2" '$2 == tag { print $3; exit }' <<<"$1"; }

# current_version: the version that the pointer names.
current_version() {
  local pointer
  pointer=$(ask '{"version": "CURRENT"}' storage cat "$STORE/current.json") ||
    die "$STORE/current.json cannot be read; publish and promote a release first"
  python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])' <<<"$pointer"
}

# keep_pointer UNDO…: unless the script ends well, which it says with `trap - EXIT`, undo its move of
# the pointer with `python -m training UNDO…`.
keep_pointer() {
  undo=("$@")
  pointer_before=$(current_version 2>/dev/null) || pointer_before=''
  trap restore_pointer EXIT
}
# shellcheck disable=SC2317,SC2329 # the trap calls it
restore_pointer() {
  if [[ -n $pointer_before && $(current_version) != "$pointer_before" ]]; then
    say "this failed; moving the pointer back to $pointer_before"
    run "$PYTHON" -m training "${undo[@]/#BEFORE/$pointer_before}" --store "$STORE"
  fi
}

## Checks of the settings, before the first command

problems=()

# setting NAME PATTERN ACCEPTED: the value must match the whole of an extended regular expression.
setting() {
  [[ ${!1-} =~ ^($2)$ ]] || problems+=("$1 is '${!1-}'; accepted is $3")
}

# check_settings NAME…: refuse wrong settings; the names are those that this script cannot do without.
check_settings() {
  local bucket='[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]' host='([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}'
  local count='[1-9][0-9]*' name
  setting PROJECT '[a-z][a-z0-9-]{4,28}[a-z0-9]' 'the id of a Google Cloud project'
  setting REGION '[a-z]+-[a-z]+[0-9]{1,2}' 'a region such as europe-west1'
  # Its longest derivative is a service account, SERVICE-function, of at most 30 characters.
  setting SERVICE '[a-z]([a-z0-9-]{0,19}[a-z0-9])?' \
    'up to 21 lower-case letters, digits and hyphens, starting with a letter'
  setting DOMAIN "($host)?" 'a host name such as lesionlens.example.org'
  setting CANDIDATE_HOST "($host)?" 'a host name such as candidate.lesionlens.example.org'
  [[ -z $DOMAIN || $DOMAIN != "$CANDIDATE_HOST" ]] ||
    problems+=("CANDIDATE_HOST is '$CANDIDATE_HOST'; accepted is another name than DOMAIN")
  for name in MODEL_BUCKET WEB_BUCKET BUILD_BUCKET; do
    setting "$name" "$bucket" 'a bucket name: 3 to 63 lower-case letters, digits, . _ -'
  done
  if [[ $MODEL_BUCKET == "$WEB_BUCKET" || $MODEL_BUCKET == "$BUILD_BUCKET" ||
    $WEB_BUCKET == "$BUILD_BUCKET" ]]; then
    problems+=("MODEL_BUCKET, WEB_BUCKET and BUILD_BUCKET are not three different buckets")
  fi
  setting IMAGE_REPOSITORY '[a-z]([a-z0-9-]{0,61}[a-z0-9])?' 'lower-case letters, digits, hyphens'
  setting RUNTIME 'python3[0-9]{2}|python3[1-9]' 'a runtime such as python311'
  setting MEMORY '[1-9][0-9]*(Mi|Gi)' 'an amount such as 512Mi or 1Gi'
  setting CPU '1|2|4|8' '1, 2, 4 or 8'
  setting CONCURRENCY '[1-9][0-9]{0,2}|1000' 'a whole number from 1 to 1000'
  setting MIN_INSTANCES '0|[1-9][0-9]{0,3}' 'a whole number from 0'
  setting MAX_INSTANCES '[1-9][0-9]{0,3}' 'a whole number from 1'
  if ((${#problems[@]} == 0)) && ((MIN_INSTANCES > MAX_INSTANCES)); then
    problems+=("MIN_INSTANCES is $MIN_INSTANCES; accepted is at most MAX_INSTANCES, $MAX_INSTANCES")
  fi
  setting TIMEOUT '[1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600' 'seconds, from 1 to 3600'
  setting ALLOWED_ORIGINS '(https?://[^/, ;]+(,https?://[^/, ;]+)*|\*)?' \
    'origins such as https://example.org, separated by commas, or *'
  setting MAX_UPLOAD_BYTES "$count" 'a whole number of bytes'
  [[ ! $MAX_UPLOAD_BYTES =~ ^[0-9]{1,12}$ ]] || ((MAX_UPLOAD_BYTES <= 32 * 1024 * 1024)) ||
    problems+=("MAX_UPLOAD_BYTES is $MAX_UPLOAD_BYTES; accepted is at most 33554432 (Cloud Run's)")
  setting PUBLIC_RATE_LIMIT '([1-9][0-9]{0,8}/(second|minute|hour|day))?' \
    'images in a time, such as 60/minute, or nothing'
  setting LIMIT_STORE 'memory://|rediss?://[^; ]+' 'memory:// or redis://HOST:PORT/NUMBER'
  setting LOG_LEVEL 'DEBUG|INFO|WARNING|ERROR' 'DEBUG, INFO, WARNING or ERROR'
  setting API_KEYS_SECRET '[A-Za-z0-9_-]{1,255}' 'a name of letters, digits, _ and -'
  setting API_KEYS_VERSION '([1-9][0-9]*)?' 'the number of a version, or nothing'
  setting CANARY_PERCENT '[1-9]|[1-4][0-9]|50' 'a whole number from 1 to 50'
  setting SOAK_SECONDS '0|[1-9][0-9]{0,2}' 'seconds, from 0 to 999'
  setting RATE_LIMIT_PER_MINUTE "$count" 'a whole number from 1'
  setting DATA_URI "gs://$bucket(/[A-Za-z0-9._/-]+)?" 'gs://BUCKET/FOLDER'
  setting TRAIN_CONFIG '[A-Za-z0-9_-]+' 'the name of a file in training/configs'
  [[ -f $repository_folder/training/configs/$TRAIN_CONFIG.toml ]] ||
    problems+=("TRAIN_CONFIG is '$TRAIN_CONFIG'; accepted is the name of a file in training/configs")
  setting TRAIN_MACHINE '[a-z][a-z0-9]*-[a-z0-9-]+' 'a machine type such as n2-standard-16'
  setting TRAIN_ACCELERATOR '(NVIDIA_[A-Z0-9_]+)?' 'a type such as NVIDIA_TESLA_T4, or nothing'
  setting TRAIN_ACCELERATOR_COUNT '1|2|4|8' '1, 2, 4 or 8'
  setting TRAIN_WORKERS '[1-9]|[1-5][0-9]|6[0-4]' 'a whole number from 1 to 64'
  setting BUILD_REPOSITORY \
    '(projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+)?' \
    'projects/PROJECT/locations/REGION/connections/CONNECTION/repositories/NAME, or nothing'
  setting BUILD_BRANCH '.+' 'a regular expression such as ^main$'
  setting ALERT_EMAIL '([^@ ,]+@[^@ ,]+\.[^@ ,]+)?' 'an address such as ops@example.org, or nothing'
  setting BILLING_ACCOUNT '([0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6})?' \
    'XXXXXX-XXXXXX-XXXXXX, or nothing'
  setting BUDGET_AMOUNT "$count" 'a whole number from 1'
  for name in "${local_names[@]}"; do
    grep -q "^$name=\${$name-" "$infra_folder/settings.sh" ||
      problems+=("$SETTINGS_LOCAL sets '$name'; accepted are the names in infra/settings.sh")
  done
  for name in "$@"; do
    [[ -n ${!name-} ]] || problems+=("$name is not set; ${0##*/} needs it")
  done
  if ((${#problems[@]})); then
    say "${0##*/}: the settings are wrong; nothing has been done:"
    printf '  %s\n' "${problems[@]}" >&2
    exit 2
  fi
}
