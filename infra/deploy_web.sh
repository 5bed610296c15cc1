#!/usr/bin/env bash
# Upload web/ to the web bucket, with types and cache headers, the HTML last; before it, the
# release.
#
#   infra/deploy_web.sh [--release VERSION] [--dry-run] [--help]
#
#   --release VERSION   only the files of this release, for the page that checks pictures on the
#                       visitor's device; infra/promote.sh and rollback.sh do it before traffic moves
#
# A release's files are under releases/VERSION/. They never change and are never removed, so that
# open pages and rollbacks find the files of their version. Without --release, those of the current
# version are uploaded.
#
# The uploaded pages contain their own address for Open Graph; without DOMAIN they contain none.
#
# The HTML is uploaded last, so that it never refers to a script or style that is not there yet;
# files that web/ no longer has are removed after it. File names contain no hash (there is no build
# step), so browsers revalidate HTML, scripts and styles at each visit (304); pictures and fonts are
# cached for a day.
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

# publish_release VERSION: upload the files that serving reads; the manifest, read first, last.
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

# describe FILE: set the headers type and cache; fail for files that are no part of the page.
describe() {
  cache=$again
  case $1 in
    *.html) type='text/html; charset=utf-8' ;;
    *.css) type='text/css; charset=utf-8' ;;
    *.wasm) type='application/wasm' ;;
    *.js | *.mjs) type='text/javascript; charset=utf-8' ;;
    *.json) type='application/json' ;;
    *.atom) type='application/atom+xml' ;;
    *.webmanifest) type='application/manifest+json' ;;
    *.txt | *.c) type='text/plain; charset=utf-8' ;;
    *.whl) type='application/zip' ;;
    *.svg) type='image/svg+xml' cache=$a_day ;;
    *.png) type='image/png' cache=$a_day ;;
    *.jpg | *.jpeg) type='image/jpeg' cache=$a_day ;;
    *.webp) type='image/webp' cache=$a_day ;;
    *.ico) type='image/x-icon' cache=$a_day ;;
    *.woff2) type='font/woff2' cache=$a_day ;;
    *) return 1 ;;
  esac
}

# Not uploaded: hidden files, notes, and the source of the partners' client (its wheel is).
files() {
  (cd "$web" && find . -path ./client -prune -o \
    -type f -not -path '*/.*' -not -name '*.md' "$@" -print) | sort
}

unknown=()
while read -r file; do
  describe "$file" || unknown+=("${file#./}")
done < <(files)
((${#unknown[@]} == 0)) || die "no content type is known for web/${unknown[*]}; nothing was uploaded"

upload() {
  local file type cache
  while read -r file; do
    file=${file#./}
    describe "$file"
    cloud storage cp "$web/$file" "gs://$WEB_BUCKET/$file" \
      --content-type="$type" --cache-control="$cache"
  done
}

if [[ -n $ORIGIN ]]; then
  temporary_folder
  cp -R "$web" "$scratch/web"
  web=$scratch/web
  python3 "$infra_folder/page_files.py" "$web" "$ORIGIN"
fi

version=$(current_version)
publish_release "$version"
files -not -name '*.html' | upload
files -name '*.html' | upload
cloud storage rsync "$web" "gs://$WEB_BUCKET" --recursive --checksums-only \
  --delete-unmatched-destination-objects --exclude='(^|.*/)\..*|.*\.md$|client/.*|^releases/.*'
say "the page in gs://$WEB_BUCKET is that of this checkout"
