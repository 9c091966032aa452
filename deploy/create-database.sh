#!/usr/bin/env bash
# Creates the database in which several instances of the invoker keep their invocations.
set -euo pipefail

usage='Usage: PROJECT_ID=... REPOSITORY=... REGISTRY_REGION=... RUNTIME_REGION=... create-database.sh [FLAGS] [-- FLAGS OF GCLOUD]

Creates the Cloud SQL instance runwith in RUNTIME_REGION, with PostgreSQL, the database
runwith and the user runwith. The URL of the database, with a password that is made
here, becomes the secret runwith-store of Secret Manager. What exists stays as it is.
Then give build-deploy-api.sh the flag --database runwith. The instance costs money as
long as it exists (docs/deploy.md). Arguments after -- go to gcloud sql instances create.

  --dry-run                 print the commands without running them
  --help                    print this text

  PROJECT_ID=my-project REPOSITORY=my-repository REGISTRY_REGION=us-central1 \
    RUNTIME_REGION=us-east4 deploy/create-database.sh -- --availability-type=regional'

# shellcheck source=deploy/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"
read_flags "$@"

instance=runwith

# db-g1-small is the smallest tier that is not for tests only. Its disk grows by itself.
exists gcloud sql instances describe "$instance" --project "$PROJECT_ID" --format 'value(name)' ||
  run gcloud sql instances create "$instance" \
    --project "$PROJECT_ID" \
    --region "$RUNTIME_REGION" \
    --database-version POSTGRES_17 \
    --edition enterprise \
    --tier db-g1-small \
    --backup \
    --enable-point-in-time-recovery \
    --deletion-protection \
    ${extra[@]+"${extra[@]}"}
exists gcloud sql databases describe runwith --instance "$instance" --project "$PROJECT_ID" --format 'value(name)' ||
  run gcloud sql databases create runwith --instance "$instance" --project "$PROJECT_ID"

# Without a version of the secret, there is no user yet, or its password is lost: it gets a new
# one. Only NOT_FOUND means that there is none; after any other failure, a new password would lock
# out the services that run. gcloud reads the password from standard input, because other users of
# this machine see arguments, and its log would have them too. So the password is in the URL only.
# The tier has 50 connections, for three instances of the service and those that replace them. The
# inner shell expands the single quotes.
secret runwith-store
# shellcheck disable=SC2016
run bash -c 'said=$(gcloud secrets versions describe latest --secret runwith-store --project "$1" 2>&1 >/dev/null) && exit
  status=$?
  case $said in
    *") NOT_FOUND: "*) ;;
    *) printf "%s\n" "$said" >&2; exit "$status" ;;
  esac
  password=$(openssl rand -hex 24) &&
    printf "%s: \"%s\"\n" --password "$password" |
    CLOUDSDK_CORE_DISABLE_FILE_LOGGING=true gcloud sql users create runwith --instance "$2" --project "$1" --flags-file /dev/stdin &&
    printf "postgres://runwith:%s@/runwith?host=/cloudsql/%s:%s:%s&pool_max_conns=10" "$password" "$1" "$3" "$2" |
    gcloud secrets versions add runwith-store --project "$1" --data-file -' - "$PROJECT_ID" "$instance" "$RUNTIME_REGION"
