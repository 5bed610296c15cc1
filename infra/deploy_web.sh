#!/usr/bin/env bash
# Upload web/ to the web bucket, with types and cache headers, the HTML last.
#
#   infra/deploy_web.sh [--dry-run] [--help]
#
# The HTML goes last so that it never names a script or a style that is not there yet, and what web/
# no longer has goes after it. File names carry no hash (there is no build step), so HTML, scripts
# and styles are asked about again each time (a short 304); pictures and fonts are kept for a day.
set -euo pipefail
source "$(dirname "$0")/settings.sh"
source "$infra_folder/lib.sh"

for argument in "$@"; do
  parse_common "$argument" || wrong_argument "$argument"
done
check_settings
web=$repository_folder/web
[[ -f $web/index.html ]] || die "$web/index.html does not exist"

again='no-cache'
a_day='public, max-age=86400'

# describe FILE: sets type and cache, its headers; fails for what is no part of the page.
describe() {
  cache=$again
  case $1 in
    *.html) type='text/html; charset=utf-8' ;;
    *.css) type='text/css; charset=utf-8' ;;
    *.js | *.mjs) type='text/javascript; charset=utf-8' ;;
    *.json) type='application/json' ;;
    *.atom) type='application/atom+xml' ;;
    *.webmanifest) type='application/manifest+json' ;;
    *.txt) type='text/plain; charset=utf-8' ;;
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

# Hidden files, notes and the source of partners' client, of which the wheel is uploaded, stay here.
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

files -not -name '*.html' | upload
files -name '*.html' | upload
cloud storage rsync "$web" "gs://$WEB_BUCKET" --recursive --checksums-only \
  --delete-unmatched-destination-objects --exclude='(^|.*/)\..*|.*\.md$|client/.*'
say "the page in gs://$WEB_BUCKET is that of this checkout"
