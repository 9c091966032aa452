#!/usr/bin/env bash
# Builds and pushes the image of runwith, then deploys the invoker as a service.
set -euo pipefail

usage='Usage: PROJECT_ID=... REPOSITORY=... REGISTRY_REGION=... RUNTIME_REGION=... build-deploy-api.sh [FLAGS] [-- FLAGS OF GCLOUD]

Builds the image of runwith with Go, pushes it to
REGISTRY_REGION-docker.pkg.dev/PROJECT_ID/REPOSITORY/test-invoke-job-api-svc, and
deploys the invoker as the service test-invoke-job-api-svc in RUNTIME_REGION. The
service runs as the service account test-invoke-job-api-svc, which may run the job
test-job with overrides, view Cloud Run resources, and read logs. Run
build-deploy-job.sh first. Arguments after -- go to gcloud run deploy.

  --config SECRET           mount this secret of Secret Manager as runwith.yaml: the
                            invoker then knows its callers
  --database INSTANCE       keep invocations in the Cloud SQL instance that
                            create-database.sh has created, with up to three instances
                            of the service
  --allow-unauthenticated   let requests through without roles/run.invoker; without
                            --config, anyone on the internet may start jobs
  --no-build                use the image that is already in the registry
  --dry-run                 print the commands without running them
  --help                    print this text

  PROJECT_ID=my-project REPOSITORY=my-repository REGISTRY_REGION=us-central1 \
    RUNTIME_REGION=us-east4 deploy/build-deploy-api.sh'

# shellcheck source=deploy/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

access=--no-allow-unauthenticated
config=
database=
while [ $# -gt 0 ]; do
  case $1 in
    --allow-unauthenticated) access=$1 ;;
    --config)
      [ -n "${2:-}" ] || fail "--config: name a secret; see --help"
      config=$2
      shift
      ;;
    --database)
      [ -n "${2:-}" ] || fail "--database: name a Cloud SQL instance; see --help"
      database=$2
      shift
      ;;
    --)
      shift
      extra=("$@")
      break
      ;;
    *) common_flag "$1" ;;
  esac
  shift
done
need PROJECT_ID REPOSITORY REGISTRY_REGION RUNTIME_REGION

name=test-invoke-job-api-svc
account=$(email "$name")

# read_secret lets the service read a secret: read_secret NAME
read_secret() {
  run gcloud secrets add-iam-policy-binding "$1" \
    --project "$PROJECT_ID" \
    --member "serviceAccount:$account" \
    --role roles/secretmanager.secretAccessor
}

# Fail early if the job does not exist.
run gcloud run jobs describe test-job --project "$PROJECT_ID" --region "$RUNTIME_REGION" --format 'value(metadata.name)'
service_account "$name" "the invoker $name"
build_image "$name"

# The invoker may run this job only. Operations and logs belong to the project, so the
# roles for reading them do too.
run gcloud run jobs add-iam-policy-binding test-job \
  --project "$PROJECT_ID" \
  --region "$RUNTIME_REGION" \
  --member "serviceAccount:$account" \
  --role roles/run.jobsExecutorWithOverrides
for role in roles/run.viewer roles/logging.viewer; do
  run gcloud projects add-iam-policy-binding "$PROJECT_ID" \
    --member "serviceAccount:$account" \
    --role "$role" \
    --condition None \
    --format none
done

# The URL of the database is a secret. Cloud Run connects to the instance for the service.
place=(--max-instances 1)
store=,--store=ephemeral
secrets=
if [ -n "$database" ]; then
  run gcloud projects add-iam-policy-binding "$PROJECT_ID" \
    --member "serviceAccount:$account" \
    --role roles/cloudsql.client \
    --condition None \
    --format none
  read_secret runwith-store
  place=(--max-instances 3 --add-cloudsql-instances "$PROJECT_ID:$RUNTIME_REGION:$database")
  store=
  secrets=RUNWITH_STORE=runwith-store:latest
fi

# Without a configuration, Cloud Run's own check is the only one, and serve must be told so.
serve="serve,--project=$PROJECT_ID,--region=$RUNTIME_REGION$store,--allow-host=.run.app"
if [ -n "$config" ]; then
  read_secret "$config"
  serve="$serve,--config=/etc/runwith/runwith.yaml"
  secrets="${secrets:+$secrets,}/etc/runwith/runwith.yaml=$config:latest"
else
  serve="$serve,--allow-unauthenticated"
fi

# Cloud Run's host names end in .run.app. Cloud Run also sets the port.
run gcloud run deploy "$name" \
  --project "$PROJECT_ID" \
  --region "$RUNTIME_REGION" \
  --image "$(image "$name")" \
  --service-account "$account" \
  --args "$serve" \
  ${secrets:+--set-secrets "$secrets"} \
  "$access" \
  --min-instances 0 \
  "${place[@]}" \
  --cpu-boost \
  --memory 256Mi \
  ${extra[@]+"${extra[@]}"}
