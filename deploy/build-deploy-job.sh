#!/usr/bin/env bash
# Builds and pushes the image of the sample job, then creates or updates the job.
set -euo pipefail

usage='Usage: PROJECT_ID=... REPOSITORY=... REGISTRY_REGION=... RUNTIME_REGION=... build-deploy-job.sh [FLAGS] [-- FLAGS OF GCLOUD]

Builds the image of the sample job with Go, pushes it to
REGISTRY_REGION-docker.pkg.dev/PROJECT_ID/REPOSITORY/test-invoke-job, and creates or
updates the job test-job in RUNTIME_REGION. The job runs as the service account
test-job, which has no permissions. Arguments after -- go to gcloud run jobs deploy.

  --no-build   use the image that is already in the registry
  --dry-run    print the commands without running them
  --help       print this text

  PROJECT_ID=my-project REPOSITORY=my-repository REGISTRY_REGION=us-central1 \
    RUNTIME_REGION=us-east4 deploy/build-deploy-job.sh'

# shellcheck source=deploy/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

read_flags "$@"

service_account test-job 'the job test-job'
build_image test-invoke-job
run gcloud run jobs deploy test-job \
  --project "$PROJECT_ID" \
  --region "$RUNTIME_REGION" \
  --image "$(image test-invoke-job)" \
  --service-account "$(email test-job)" \
  ${extra[@]+"${extra[@]}"}
