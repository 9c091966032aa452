# shellcheck shell=bash
# Functions that the deploy scripts share. A script sets usage and then sources this file.
# It must run in bash 3.2, the version of macOS.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dry_run=
build=yes
# shellcheck disable=SC2034 # more flags for the last gcloud command
extra=()

# fail prints a message and ends the script.
fail() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit 2
}

# common_flag reads a flag that every script has.
common_flag() {
  case $1 in
    --dry-run) dry_run=yes ;;
    --no-build) build= ;;
    -h | --help)
      printf '%s\n' "${usage:?}"
      exit
      ;;
    *) fail "unknown argument $1; see --help" ;;
  esac
}

# read_flags reads the arguments of a script without flags of its own, and what every script
# needs of the environment.
read_flags() {
  while [ $# -gt 0 ]; do
    case $1 in
      --)
        shift
        # shellcheck disable=SC2034 # the script uses them
        extra=("$@")
        break
        ;;
      *) common_flag "$1" ;;
    esac
    shift
  done
  need PROJECT_ID REPOSITORY REGISTRY_REGION RUNTIME_REGION
}

# need ends the script if a variable is unset, and names each one that is.
need() {
  local name missing=
  for name in "$@"; do
    [ -n "${!name:-}" ] || missing="$missing $name"
  done
  [ -z "$missing" ] || fail "set${missing}; see --help"
}

# quoted prints a command, quoted for a shell. In a dry run, a value that only a command can
# tell is @NAME@ (see capture), and is printed as a variable.
quoted() {
  local line
  line=$(printf ' %q' "$@")
  if [ -n "$dry_run" ]; then
    line=$(printf '%s' "$line" | sed 's/@\([A-Z_]*\)@/${\1}/g')
  fi
  printf '%s' "${line# }"
}

# capture sets a variable to what a command prints. A dry run prints the assignment.
capture() {
  local name=$1 value
  shift
  if [ -n "$dry_run" ]; then
    printf '%s=$''(%s)\n' "$name" "$(quoted "$@")"
    value=@$name@
  else
    printf '+ %s\n' "$(quoted "$@")" >&2
    value=$("$@")
  fi
  printf -v "$name" %s "$value"
}

# run prints a command and runs it. A dry run only prints it.
run() {
  if [ -n "$dry_run" ]; then
    printf '%s\n' "$(quoted "$@")"
  else
    printf '+ %s\n' "$(quoted "$@")" >&2
    "$@"
  fi
}

# exists reports whether a command succeeds. A dry run prints it, followed by the
# command to run if it fails.
exists() {
  if [ -n "$dry_run" ]; then
    printf '%s >/dev/null 2>&1 ||\n  ' "$(quoted "$@")"
    return 1
  fi
  printf '+ %s\n' "$(quoted "$@")" >&2
  "$@" >/dev/null 2>&1
}

# service_account creates a service account unless it exists. Its arguments are the ID
# and the display name.
service_account() {
  exists gcloud iam service-accounts describe "$(email "$1")" --project "$PROJECT_ID" --format 'value(email)' ||
    run gcloud iam service-accounts create "$1" --project "$PROJECT_ID" --display-name "$2"
}

# secret creates a secret unless it exists: secret NAME
secret() {
  exists gcloud secrets describe "$1" --project "$PROJECT_ID" --format 'value(name)' ||
    run gcloud secrets create "$1" --project "$PROJECT_ID" --replication-policy automatic
}

# email prints the email address of a service account.
email() { printf '%s@%s.iam.gserviceaccount.com' "$1" "$PROJECT_ID"; }

# repository prints the address of the Artifact Registry repository.
repository() { printf '%s-docker.pkg.dev/%s/%s' "$REGISTRY_REGION" "$PROJECT_ID" "$REPOSITORY"; }

# image prints the address of an image in the repository.
image() { printf '%s/%s:latest' "$(repository)" "$1"; }

# build_image builds an image and pushes it.
build_image() {
  [ -n "$build" ] || return 0
  run go run -C "$root" ./deploy/images --push "$(repository)" "$1"
}
