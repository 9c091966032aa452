#!/usr/bin/env bash
# Builds runwith's image, pushes it, and deploys the invoker as a service.
set -euo pipefail

usage='Usage: PROJECT_ID=... REPOSITORY=... REGISTRY_REGION=... RUNTIME_REGION=... build-deploy-api.sh [FLAGS] [-- FLAGS OF GCLOUD]

Builds runwith for linux/amd64, pushes it to
REGISTRY_REGION-docker.pkg.dev/PROJECT_ID/REPOSITORY/test-invoke-job-api-svc, and
deploys the invoker as the service test-invoke-job-api-svc in RUNTIME_REGION. It runs as
a service account of its own, test-invoke-job-api-svc, that may run the job test-job
with overrides, see what Cloud Run has, and read logs. Run build-deploy-job.sh before.
What follows -- goes on to gcloud run deploy.

  --allow-unauthenticated   let anyone on the internet start jobs (without it, Cloud Run
                            asks callers for roles/run.invoker)
  --no-build                the image is in the registry (go run ./deploy/images --push)
  --dry-run                 print each command, and run none
  --help                    this text

  PROJECT_ID=my-project REPOSITORY=my-repository REGISTRY_REGION=us-central1 \
    RUNTIME_REGION=us-east4 deploy/build-deploy-api.sh'

# shellcheck source=deploy/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

access=--no-allow-unauthenticated
while [ $# -gt 0 ]; do
  case $1 in
    --allow-unauthenticated) access=$1 ;;
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

# Without the job, all that follows is for nothing.
run gcloud run jobs describe test-job --project "$PROJECT_ID" --region "$RUNTIME_REGION" --format 'value(metadata.name)'
service_account "$name" "the invoker $name"
build_image "$name" Dockerfile.api

# To run the job is allowed on the job alone. What the invoker reads, operations and
# logs, belongs to the project.
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

# Who may call is asked by Cloud Run, before a request comes to serve, and the names by
# which it is called are below .run.app. Cloud Run gives it the port, too.
run gcloud run deploy "$name" \
  --project "$PROJECT_ID" \
  --region "$RUNTIME_REGION" \
  --image "$(image "$name")" \
  --service-account "$account" \
  --args "serve,--project=$PROJECT_ID,--region=$RUNTIME_REGION,--store=ephemeral,--allow-host=.run.app,--allow-unauthenticated" \
  "$access" \
  --min-instances 0 \
  --max-instances 1 \
  --cpu-boost \
  --memory 256Mi \
  ${extra[@]+"${extra[@]}"}
