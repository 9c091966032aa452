#!/usr/bin/env bash
# Builds the sample job's image, pushes it, and creates the job or updates it.
set -euo pipefail

usage='Usage: PROJECT_ID=... REPOSITORY=... REGISTRY_REGION=... RUNTIME_REGION=... build-deploy-job.sh [FLAGS] [-- FLAGS OF GCLOUD]

Builds the sample job for linux/amd64, pushes it to
REGISTRY_REGION-docker.pkg.dev/PROJECT_ID/REPOSITORY/test-invoke-job, and creates the
job test-job in RUNTIME_REGION, or updates it. The job runs as a service account of its
own, test-job, that may do nothing. What follows -- goes on to gcloud run jobs deploy.

  --no-build   the image is in the registry (go run ./deploy/images --push)
  --dry-run    print each command, and run none
  --help       this text

  PROJECT_ID=my-project REPOSITORY=my-repository REGISTRY_REGION=us-central1 \
    RUNTIME_REGION=us-east4 deploy/build-deploy-job.sh'

# shellcheck source=deploy/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

while [ $# -gt 0 ]; do
  case $1 in
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

service_account test-job 'the job test-job'
build_image test-invoke-job Dockerfile.job
run gcloud run jobs deploy test-job \
  --project "$PROJECT_ID" \
  --region "$RUNTIME_REGION" \
  --image "$(image test-invoke-job)" \
  --service-account "$(email test-job)" \
  ${extra[@]+"${extra[@]}"}
