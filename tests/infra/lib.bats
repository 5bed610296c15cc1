# Tests of the functions in infra/lib.sh.

setup() {
  infra="$BATS_TEST_DIRNAME/../../infra"
  export PROJECT=demo-project SETTINGS_LOCAL=/nonexistent
  source "$infra/settings.sh"
  source "$infra/lib.sh"
}

# `run` is the function of lib.sh here, not that of bats.
@test "run runs" {
  run touch "$BATS_TEST_TMPDIR/a file"
  [ -e "$BATS_TEST_TMPDIR/a file" ]
}

@test "run in a dry run prints the command with shell quoting, and runs nothing" {
  touched() {
    DRY_RUN=1
    run touch "$BATS_TEST_TMPDIR/a file"
  }
  output=$(touched)
  [ ! -e "$BATS_TEST_TMPDIR/a file" ]
  eval "$output"
  [ -e "$BATS_TEST_TMPDIR/a file" ]
}

@test "die writes to standard error and fails" {
  status=0
  output=$( (die too bad) 2>/dev/null) || status=$?
  [ "$status" -eq 1 ]
  [ -z "$output" ]
  output=$( (die too bad) 2>&1) || true
  [[ $output == *'too bad' ]]
}

@test "exists distinguishes existing from missing resources" {
  exists true
  there_is_none() {
    echo 'ERROR: NOT_FOUND' >&2
    return 1
  }
  ! exists there_is_none
}

@test "exists stops at any other failure" {
  denied() {
    echo 'ERROR: PERMISSION_DENIED' >&2
    return 1
  }
  if (exists denied) 2>/dev/null; then false; fi
  output=$( (exists denied || echo went on) 2>&1) || true
  [[ $output != *'went on'* ]]
}

@test "the serving revision is the one with the most traffic" {
  table=$'10,,s-2\n90,,s-1\n,candidate,s-2'
  [ "$(serving_revision "$table")" = s-1 ]
  [ "$(tagged_revision "$table" candidate)" = s-2 ]
  [ -z "$(tagged_revision "$table" previous)" ]
}

@test "render fills in settings and refuses unknown names" {
  temporary_folder
  infra_folder=$BATS_TEST_TMPDIR
  echo 'in @REGION@ for @PROJECT@' >"$infra_folder/known"
  echo '@NO_SUCH_NAME@' >"$infra_folder/unknown"
  [ "$(cat "$(render known)")" = 'in europe-west1 for demo-project' ]
  if (render unknown) 2>/dev/null; then false; fi
}

@test "render inserts values unchanged" {
  temporary_folder
  infra_folder=$BATS_TEST_TMPDIR
  BUILD_BRANCH='^(main|stage\.&)$' ALERT_EMAIL=a@REGION@b
  echo "'@BUILD_BRANCH@' @ALERT_EMAIL@ @REGION@" >"$infra_folder/template"
  [ "$(cat "$(render template)")" = "'^(main|stage\.&)$' a@REGION@b europe-west1" ]
}

@test "usage is the comment at the top, without the interpreter line" {
  script=$BATS_TEST_TMPDIR/script.sh
  printf '%s\n' '#!/usr/bin/env bash' '# What it is.' '#' '#   script.sh --help' 'true # not this' >"$script"
  [ "$(bash -c "source '$infra/settings.sh'; source '$infra/lib.sh'; usage" "$script")" = \
    $'What it is.\n\n  script.sh --help' ]
}

@test "the default settings are valid" {
  check_settings
}
