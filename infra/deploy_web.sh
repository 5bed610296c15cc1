#!/usr/bin/env bash
# Upload web/ to the web bucket, with types and cache headers, the HTML last; before it, the release.
#
#   infra/deploy_web.sh [--release VERSION] [--dry-run] [--help]
#
#   --release VERSION   only the files of this release, for the page that checks pictures on the
#                       visitor's device; infra/promote.sh and rollback.sh do it before traffic moves
#
# A release's files stand under releases/VERSION/, never change and are never removed: a page that is
# open, or a rollback, finds those that it knows. Without --release, those of the current version.
#
# The HTML goes last so that it never names a script or a style that is not there yet, and what web/
# no longer has goes after it. File names carry no hash (there is no build step), so HTML, scripts
# and styles are asked about again each time (a short 304); pictures and fonts are kept for a day.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

release=''
while (($#)); do
  case $1 in
    --release)
      release=${2-}
      [[ $release =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ ]] || wrong_argument "--release '$release'"
      shift
      ;;
    *) parse_common "$1" || wrong_argument "$1" ;;
  esac
  shift
done
check_settings
web=$repository_folder/web
[[ -f $web/index.html ]] || die "$web/index.html does not exist"

again='no-cache'
a_day='public, max-age=86400'
for_good='public, max-age=31536000, immutable'

# publish_release VERSION: what serving reads of it, the manifest last, as a page reads that first.
publish_release() {
  local manifest name names
  manifest=$(ask '{"files": {"model.tflite": {}, "detector.npz": {}}}' \
    storage cat "$STORE/$1/manifest.json") || die "$STORE/$1/manifest.json cannot be read"
  names=$(python3 -c 'import json, sys; print(*json.load(sys.stdin)["files"])' <<<"$manifest")
  for name in $names; do
    cloud storage cp "$STORE/$1/$name" "gs://$WEB_BUCKET/releases/$1/$name" \
      --content-type=application/octet-stream --cache-control="$for_good"
  done
  cloud storage cp "$STORE/$1/manifest.json" "gs://$WEB_BUCKET/releases/$1/manifest.json" \
    --content-type=application/json --cache-control="$for_good"
}

if [[ -n $release ]]; then
  publish_release "$release"
  exit 0
fi

# describe FILE: its content type and cache header, or nothing for what is no part of the page.
describe() {
  case $1 in
    *.html) echo "text/html; charset=utf-8|$again" ;;
    *.css) echo "text/css; charset=utf-8|$again" ;;
    *.wasm) echo "application/wasm|$again" ;;
    *.js | *.mjs) echo "text/javascript; charset=utf-8|$again" ;;
    *.json) echo "application/json|$again" ;;
    *.atom) echo "application/atom+xml|$again" ;;
    *.webmanifest) echo "application/manifest+json|$again" ;;
    *.txt | *.c) echo "text/plain; charset=utf-8|$again" ;;
    *.whl) echo "application/zip|$again" ;;
    *.svg) echo "image/svg+xml|$a_day" ;;
    *.png) echo "image/png|$a_day" ;;
    *.jpg | *.jpeg) echo "image/jpeg|$a_day" ;;
    *.webp) echo "image/webp|$a_day" ;;
    *.ico) echo "image/x-icon|$a_day" ;;
    *.woff2) echo "font/woff2|$a_day" ;;
  esac
}

# Hidden files, notes and the source of partners' client, of which the wheel is uploaded, stay here.
files() {
  find "$web" -path "$web/client" -prune -o -type f -not -path '*/.*' -not -name '*.md' "$@" \
    -printf '%P\n' | sort
}

unknown=()
while read -r file; do
  [[ -n $(describe "$file") ]] || unknown+=("$file")
done < <(files)
((${#unknown[@]} == 0)) || die "no content type is known for web/${unknown[*]}; nothing was uploaded"

upload() {
  local file type cache
  while read -r file; do
    IFS='|' read -r type cache < <(describe "$file")
    cloud storage cp "$web/$file" "gs://$WEB_BUCKET/$file" \
      --content-type="$type" --cache-control="$cache"
  done
}

version=$(current_version)
publish_release "$version"
files -not -name '*.html' | upload
files -name '*.html' | upload
cloud storage rsync "$web" "gs://$WEB_BUCKET" --recursive --checksums-only \
  --delete-unmatched-destination-objects --exclude='(^|.*/)\..*|.*\.md$|client/.*|^releases/.*'
