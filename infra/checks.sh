# shellcheck shell=bash disable=SC2154
# Validates the settings before the first command. Sourced by lib.sh.

problems=()

# setting NAME PATTERN ACCEPTED: the whole value must match an extended regular expression.
setting() {
  [[ ${!1-} =~ ^($2)$ ]] || problems+=("$1 is '${!1-}'; accepted is $3")
}

check_canary_steps() {
  local step before=0 count=0
  for step in $CANARY_STEPS; do
    if [[ ! $step =~ ^[0-9]{1,3}$ ]] || ((step <= before || step > 100)); then break; fi
    before=$step
    count=$((count + 1))
  done
  # Below 100, the serving revision has traffic to compare with.
  ((count >= 2)) && [[ $before == 100 && $step == 100 ]] ||
    problems+=("CANARY_STEPS is '$CANARY_STEPS'; accepted are rising percentages, the last 100")
}

# check_settings NAME…: stop at invalid settings; NAME… are those that this script requires.
check_settings() {
  local bucket='[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]' host='([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}'
  local count='[1-9][0-9]*' name taken=' '
  setting PROJECT '[a-z][a-z0-9-]{4,28}[a-z0-9]' 'the id of a Google Cloud project'
  setting REGION '[a-z]+-[a-z]+[0-9]{1,2}' 'a region such as europe-west1'
  # The longest derived name is the service account SERVICE-function, of at most 30 characters.
  setting SERVICE '[a-z]([a-z0-9-]{0,19}[a-z0-9])?' \
    'up to 21 lower-case letters, digits and hyphens, starting with a letter'
  setting DOMAIN "($host)?" 'a host name such as lesionlens.example.org'
  setting CANDIDATE_HOST "($host)?" 'a host name such as candidate.lesionlens.example.org'
  [[ -z $DOMAIN || $DOMAIN != "$CANDIDATE_HOST" ]] ||
    problems+=("CANDIDATE_HOST is '$CANDIDATE_HOST'; accepted is another name than DOMAIN")
  for name in MODEL_BUCKET DATA_BUCKET WEB_BUCKET BUILD_BUCKET; do
    setting "$name" "$bucket" 'a bucket name: 3 to 63 lower-case letters, digits, . _ -'
  done
  setting ARCHIVE_BUCKET "($bucket)?" 'a bucket name, or nothing'
  # Permissions are granted by bucket: a bucket with two purposes would have the permissions of
  # both.
  for name in MODEL_BUCKET DATA_BUCKET WEB_BUCKET BUILD_BUCKET ARCHIVE_BUCKET; do
    [[ -z ${!name} || $taken != *" ${!name} "* ]] ||
      problems+=("$name is '${!name}'; accepted is a bucket that has no other purpose")
    taken+="${!name} "
  done
  setting IMAGE_REPOSITORY '[a-z]([a-z0-9-]{0,61}[a-z0-9])?' 'lower-case letters, digits, hyphens'
  setting INGRESS 'all|internal-and-cloud-load-balancing' 'all or internal-and-cloud-load-balancing'
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
  setting LOG_LEVEL 'DEBUG|INFO' 'DEBUG or INFO; rollouts and alerts read the lines of requests'
  setting API_KEYS_SECRET '[A-Za-z0-9_-]{1,255}' 'a name of letters, digits, _ and -'
  setting API_KEYS_VERSION '([1-9][0-9]*)?' 'the number of a version, or nothing'
  setting BASE_IMAGE '[a-z0-9./_-]+(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})' \
    'an image by tag or digest, such as python:3.11-slim'
  check_canary_steps
  setting SOAK_SECONDS '0|[1-9][0-9]{0,2}' 'seconds, from 0 to 999'
  setting CANARY_REQUESTS '[1-9][0-9]{0,3}' 'a whole number from 1 to 9999'
  setting LOG_DELAY_SECONDS '[1-9][0-9]{0,2}' 'seconds, from 1 to 999'
  setting LOCK_WAIT_SECONDS '0|[1-9][0-9]{0,4}' 'seconds, from 0 to 99999'
  # infra/smoke.sh sends its requests at once; a limit below their number would fail every rollout.
  setting RATE_LIMIT_PER_MINUTE '[2-9][0-9]|[1-9][0-9]{2,}' 'a whole number from 20'
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
  setting GITHUB_REPOSITORY '([A-Za-z0-9-]+/[A-Za-z0-9._-]+)?' 'OWNER/NAME, or nothing'
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
