#!/usr/bin/env bash
# Serve from another region after the loss of the one in infra/settings.sh.
#
#   infra/serve_from.sh REGION [--releases FOLDER] [--dry-run] [--help]
#
#   --releases FOLDER   the releases to serve; default: training/releases of this checkout
#
# Creates buckets, image repository and permissions in REGION, uploads the releases, deploys the
# function, and points the load balancer, which is global, to it. Host names, certificate and
# partners' keys are kept. Releases that are only in the old bucket and the pointer's history are
# lost. The buckets in REGION have new names, which this prints: put them into infra/settings.sh, or
# the next run of another script uses the old region again.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

target=''
releases=$repository_folder/training/releases
while (($#)); do
  case $1 in
    --releases)
      releases=${2-}
      shift
      ;;
    -*) parse_common "$1" || wrong_argument "$1" ;;
    *)
      [[ -z $target && $1 =~ ^[a-z]+-[a-z]+[0-9]{1,2}$ ]] || wrong_argument "'$1'"
      target=$1
      ;;
  esac
  shift
done
if [[ -z $target ]]; then
  usage >&2
  exit 2
fi
check_settings DOMAIN CANDIDATE_HOST
[[ $target != "$REGION" ]] || die "REGION is $REGION already"
[[ -f $releases/current.json ]] || die "$releases/current.json does not exist"
common=()
if dry; then common=(--dry-run); fi

# The scripts called below inherit these from the environment.
export REGION=$target STORE=gs://$MODEL_BUCKET-$target/models
for name in MODEL DATA WEB BUILD; do
  bucket=${name}_BUCKET
  declare -x "$bucket=${!bucket}-$target"
done
say "in infra/settings.sh from now on:"
for name in REGION MODEL_BUCKET DATA_BUCKET WEB_BUCKET BUILD_BUCKET; do
  printf '%s=%s\n' "$name" "${!name}" >&2
done

"$infra_folder/bootstrap.sh" buckets images accounts secrets "${common[@]}"
# The pointer last, so that it never names a version that is not there.
cloud storage rsync "$releases" "$STORE" --recursive --exclude='^current\.json$'
cloud storage cp "$releases/current.json" "$STORE/current.json"
"$infra_folder/deploy_function.sh" --first "${common[@]}"
"$infra_folder/deploy_web.sh" "${common[@]}"
"$infra_folder/ensure_origin.sh" "${common[@]}"
run "$infra_folder/smoke.sh" "$ORIGIN" --wait 300
"$infra_folder/traffic.sh" tag "${common[@]}"
"$infra_folder/traffic.sh" show "${common[@]}"
say "$ORIGIN is served from $REGION; infra/bootstrap.sh brings triggers and alerts up to date"
