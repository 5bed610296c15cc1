#!/usr/bin/env bash
# Copy what a deployment of the function uploads into a folder, and see that it starts on its own.
#
#   infra/package.sh FOLDER [--dry-run] [--help]
#
# FOLDER must be new or empty. What is copied is gcloud's own list, from function/.gcloudignore. It is
# started in a fresh virtual environment that has its requirements and nothing else, outside the
# repository, and must answer /health. infra/deploy_function.sh --source FOLDER deploys it.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

folder=''
for argument in "$@"; do
  case $argument in
    -*) parse_common "$argument" || wrong_argument "$argument" ;;
    *)
      [[ -z $folder ]] || wrong_argument "a second folder, '$argument',"
      folder=$argument
      ;;
  esac
done
if [[ -z $folder ]]; then
  usage >&2
  exit 2
fi
[[ ! -e $folder || -z $(ls -A "$folder") ]] || die "$folder is not empty"
if dry; then
  run gcloud meta list-files-for-upload "$repository_folder/function"
  exit 0
fi
temporary_folder

mkdir -p "$folder"
gcloud meta list-files-for-upload "$repository_folder/function" >"$scratch/list"
grep -qx main.py "$scratch/list" || die "main.py is not among the files to upload"
while read -r file; do
  install -D -m 644 "$repository_folder/function/$file" "$folder/$file"
done <"$scratch/list"
folder=$(cd "$folder" && pwd)

python3 -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check -r "$folder/requirements.txt"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
(
  cd "$scratch"
  # No bytecode: the folder is deployed as it is. No model: /health needs none.
  exec env PYTHONDONTWRITEBYTECODE=1 MODEL_URI=file:///nowhere \
    "$scratch/venv/bin/python" -m functions_framework --source "$folder/main.py" \
    --target classify --host 127.0.0.1 --port "$port"
) &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -rf "$scratch"' EXIT
answer=$(curl --silent --show-error --fail --max-time 60 --retry 60 --retry-connrefused \
  --retry-delay 1 "http://127.0.0.1:$port/health") || die "the copy in $folder does not serve"
say "$folder serves on its own: $answer"
