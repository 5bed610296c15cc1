# shellcheck shell=bash disable=SC2154
# The lock of everything that moves traffic or the pointer, from a build, GitHub or a workstation.
#
# It is the object locks/rollout in BUILD_BUCKET, written with a generation precondition: of two
# concurrent writers, one fails (https://cloud.google.com/storage/docs/request-preconditions). Its
# content is "OWNER EXPIRY", the expiry in seconds since 1970. The holder renews it before each
# step; a holder that was killed loses it after LEASE_SECONDS. Source this after lib.sh.

LOCK=gs://$BUILD_BUCKET/locks/rollout
LEASE_SECONDS=1200

# write_lock GENERATION: write the lock if it still has this generation (0: if it does not exist).
# Fails if another writer was faster, stops at any other failure.
write_lock() {
  local errors
  printf '%s %s\n' "$LESIONLENS_LOCK" "$(($(date +%s) + LEASE_SECONDS))" >"$scratch/lock"
  if errors=$(gcloud storage cp "$scratch/lock" "$LOCK" --if-generation-match="$1" \
    --project="$PROJECT" 2>&1 >/dev/null); then
    return 0
  fi
  # Cloud Storage answers 412 if a precondition does not hold.
  [[ $errors =~ 412|[Pp]re-?condition ]] || die "$LOCK cannot be written: $errors"
  return 1
}

# read_lock: set generation, holder and expiry; all empty if there is no lock.
read_lock() {
  generation='' holder='' expiry=0
  exists gcloud storage objects describe "$LOCK" --project="$PROJECT" || return 0
  generation=$(gcloud storage objects describe "$LOCK" --format='value(generation)' \
    --project="$PROJECT" 2>/dev/null) || return 0
  # If it was removed meanwhile, there is no lock. If it was replaced meanwhile, the generation is
  # outdated, so that the new lock is not overwritten.
  read -r holder expiry < <(gcloud storage cat "$LOCK" --project="$PROJECT" 2>/dev/null) ||
    generation=''
}

# take_lock: wait until this script has the lock. Scripts that it starts share it.
take_lock() {
  if dry; then
    quoted gcloud storage cp LOCK "$LOCK" --if-generation-match=0 --project="$PROJECT"
    return
  fi
  if [[ -n ${LESIONLENS_LOCK-} ]]; then return; fi
  temporary_folder
  local who=${BUILD_ID:-${GITHUB_RUN_ID:-${USER:-somebody}@$(hostname)}} waited=0
  LESIONLENS_LOCK=${who//[[:space:]]/_}-$$
  until write_lock 0; do
    read_lock
    if [[ -n $generation ]] && (($(date +%s) > expiry)); then
      say "the lock of $holder ran out; taking it over"
      if write_lock "$generation"; then break; fi
    fi
    ((waited < LOCK_WAIT_SECONDS)) ||
      die "${holder:-another rollout} still has $LOCK after $waited s; nothing was changed"
    say "waiting for ${holder:-another rollout} to end"
    sleep 15
    waited=$((waited + 15))
  done
  say "have the lock $LOCK as $LESIONLENS_LOCK"
  export LESIONLENS_LOCK
  on_exit drop_lock
}

# own_lock: succeed if this script, or the one that started it, holds the lock; set generation.
own_lock() {
  read_lock
  [[ -n $generation && $holder == "$LESIONLENS_LOCK" ]]
}

# renew_lock: call before each step. Stops the script if it no longer holds the lock.
renew_lock() {
  if dry; then return; fi
  temporary_folder
  { own_lock && write_lock "$generation"; } || die "$LOCK is ${holder:-nobody}'s now; stopping here"
}

# shellcheck disable=SC2317,SC2329 # on_exit calls it
drop_lock() {
  if own_lock; then
    gcloud storage rm "$LOCK" --if-generation-match="$generation" --project="$PROJECT" 2>/dev/null ||
      say "$LOCK could not be removed; it ends by itself after $LEASE_SECONDS s"
  fi
}
