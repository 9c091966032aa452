# shellcheck shell=bash
# What the deploy scripts have in common. They source it, and set usage before.
# It is written for bash 3.2, too, which macOS has.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dry_run=
build=yes
# shellcheck disable=SC2034 # what goes on to gcloud's last command
extra=()

# fail ends the script: $1 is what is wrong.
fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 2
}

# common_flag takes a flag that every script has.
common_flag() {
  case $1 in
    --dry-run) dry_run=yes ;;
    --no-build) build= ;;
    -h | --help)
      printf '%s\n' "${usage:?}"
      exit
      ;;
    *) fail "$1 is not understood; see --help" ;;
  esac
}

# need ends the script unless all variables are set, and names each that is not.
need() {
  local name missing=
  for name in "$@"; do
    [ -n "${!name:-}" ] || missing="$missing $name"
  done
  [ -z "$missing" ] || fail "set${missing}; see --help"
}

# quoted prints a command as a shell reads it.
quoted() {
  local line
  line=$(printf ' %q' "$@")
  printf '%s' "${line# }"
}

# run says what it does, and does it unless this is a dry run.
run() {
  if [ -n "$dry_run" ]; then
    printf '%s\n' "$(quoted "$@")"
  else
    printf '+ %s\n' "$(quoted "$@")" >&2
    "$@"
  fi
}

# exists runs a command that finds something, and reports whether it did. A dry run
# shows it, and what is done where it finds nothing.
exists() {
  if [ -n "$dry_run" ]; then
    printf '%s >/dev/null 2>&1 ||\n  ' "$(quoted "$@")"
    return 1
  fi
  printf '+ %s\n' "$(quoted "$@")" >&2
  "$@" >/dev/null 2>&1
}

# service_account makes a service account unless it is there: its ID, and what it is.
service_account() {
  exists gcloud iam service-accounts describe "$(email "$1")" --project "$PROJECT_ID" --format 'value(email)' ||
    run gcloud iam service-accounts create "$1" --project "$PROJECT_ID" --display-name "$2"
}

# email is how Google calls a service account.
email() { printf '%s@%s.iam.gserviceaccount.com' "$1" "$PROJECT_ID"; }

# image is where the image of a name is in the registry.
image() { printf '%s-docker.pkg.dev/%s/%s/%s:latest' "$REGISTRY_REGION" "$PROJECT_ID" "$REPOSITORY" "$1"; }

# build_image builds the image of a name from a Dockerfile, and pushes it.
build_image() {
  [ -n "$build" ] || return 0
  run docker buildx build --push --platform linux/amd64 --tag "$(image "$1")" --file "$root/deploy/$2" "$root"
}
