#!/usr/bin/env bash
# Builds and pushes the images of examples/documents and of runwith, then deploys the job, the
# invoker and the API.
set -euo pipefail

usage='Usage: PROJECT_ID=... REPOSITORY=... REGISTRY_REGION=... RUNTIME_REGION=... build-deploy-documents.sh [FLAGS] [-- FLAGS OF GCLOUD]

Deploys examples/documents to RUNTIME_REGION: the job documents, the service
documents-runwith (runwith serve, which only the API may call) and the service documents
(the API, which is public). Each has a service account of its own. The documents are in the
bucket PROJECT_ID-documents; runwith.yaml and the secret that signs callbacks are in Secret
Manager. Arguments after -- go to the last command, gcloud run deploy of the API.

  --no-build   use the images that are already in the registry
  --dry-run    print the commands without running them
  --help       print this text

  PROJECT_ID=my-project REPOSITORY=my-repository REGISTRY_REGION=us-central1 \
    RUNTIME_REGION=us-east4 deploy/build-deploy-documents.sh'

# shellcheck source=deploy/steps.sh
. "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

read_flags "$@"

bucket=$PROJECT_ID-documents
runwith=test-invoke-job-api-svc # the image

# grant gives a service account a role on something: grant ACCOUNT ROLE COMMAND...
grant() {
  local account=$1 role=$2
  shift 2
  run "$@" --member "serviceAccount:$(email "$account")" --role "$role" --project "$PROJECT_ID"
}

# url prints the address that Cloud Run gives to a service.
url() { printf 'https://%s-%s.%s.run.app' "$1" "$PROJECT_NUMBER" "$RUNTIME_REGION"; }

capture PROJECT_NUMBER gcloud projects describe "$PROJECT_ID" --format 'value(projectNumber)'
service_account documents-job 'the job documents'
service_account documents-runwith 'the invoker documents-runwith'
service_account documents-api 'the API documents'
capture CALLER_ID gcloud iam service-accounts describe "$(email documents-api)" --project "$PROJECT_ID" --format 'value(uniqueId)'
build_image documents
build_image "$runwith"

# The documents: a bucket that the API and the job mount as a folder.
exists gcloud storage buckets describe "gs://$bucket" --project "$PROJECT_ID" --format 'value(name)' ||
  run gcloud storage buckets create "gs://$bucket" --project "$PROJECT_ID" --location "$RUNTIME_REGION" --uniform-bucket-level-access
for account in documents-job documents-api; do
  grant "$account" roles/storage.objectUser gcloud storage buckets add-iam-policy-binding "gs://$bucket"
done
mount=(
  --add-volume "name=documents,type=cloud-storage,bucket=$bucket,mount-options=uid=65532;gid=65532"
  --add-volume-mount 'volume=documents,mount-path=/documents'
)

# The secret that signs callbacks is made once. runwith.yaml gets a new version each time. The
# inner shells expand the single quotes.
secret documents-callback
# shellcheck disable=SC2016
run bash -c 'gcloud secrets versions describe latest --secret documents-callback --project "$1" >/dev/null 2>&1 ||
  printf whsec_%s "$(openssl rand -base64 32)" | gcloud secrets versions add documents-callback --project "$1" --data-file -' - "$PROJECT_ID"
secret documents-config
# shellcheck disable=SC2016
run bash -c '{ echo "verify: cloud-run-iam" && sed -e "s|100000000000000000000|$2|" -e "s|https://runwith.example.com|$3|" -e "s|http://127.0.0.1:8090|$4|" "$5"; } |
  gcloud secrets versions add documents-config --project "$1" --data-file -' \
  - "$PROJECT_ID" "$CALLER_ID" "$(url documents-runwith)" "$(url documents)" "$root/examples/documents/runwith.yaml"
for secret in documents-callback documents-config; do
  grant documents-runwith roles/secretmanager.secretAccessor gcloud secrets add-iam-policy-binding "$secret"
done
grant documents-api roles/secretmanager.secretAccessor gcloud secrets add-iam-policy-binding documents-callback

run gcloud run jobs deploy documents \
  --project "$PROJECT_ID" \
  --region "$RUNTIME_REGION" \
  --image "$(image documents)" \
  --service-account "$(email documents-job)" \
  --command /documents,job \
  --set-env-vars DOCUMENTS=/documents \
  "${mount[@]}" \
  --max-retries 0 \
  --task-timeout 600s

# The invoker may run this job only. Operations and logs belong to the project.
grant documents-runwith roles/run.jobsExecutorWithOverrides gcloud run jobs add-iam-policy-binding documents --region "$RUNTIME_REGION"
for role in roles/run.viewer roles/logging.viewer; do
  run gcloud projects add-iam-policy-binding "$PROJECT_ID" \
    --member "serviceAccount:$(email documents-runwith)" \
    --role "$role" \
    --condition None \
    --format none
done

# The invoker needs its CPU between requests, to notice ends and to send callbacks. Cloud Run
# admits the API only.
run gcloud run deploy documents-runwith \
  --project "$PROJECT_ID" \
  --region "$RUNTIME_REGION" \
  --image "$(image "$runwith")" \
  --service-account "$(email documents-runwith)" \
  --args "serve,--project=$PROJECT_ID,--region=$RUNTIME_REGION,--store=ephemeral,--allow-host=.run.app,--config=/etc/runwith/runwith.yaml" \
  --set-secrets /etc/runwith/runwith.yaml=documents-config:latest,CALLBACK_SECRET=documents-callback:latest \
  --no-allow-unauthenticated \
  --no-cpu-throttling \
  --min-instances 1 \
  --max-instances 1 \
  --memory 512Mi
grant documents-api roles/run.invoker gcloud run services add-iam-policy-binding documents-runwith --region "$RUNTIME_REGION"

run gcloud run deploy documents \
  --project "$PROJECT_ID" \
  --region "$RUNTIME_REGION" \
  --image "$(image documents)" \
  --service-account "$(email documents-api)" \
  --set-env-vars "DOCUMENTS=/documents,RUNWITH_SERVER=$(url documents-runwith)" \
  --set-secrets CALLBACK_SECRET=documents-callback:latest \
  "${mount[@]}" \
  --allow-unauthenticated \
  --max-instances 1 \
  --memory 512Mi \
  ${extra[@]+"${extra[@]}"}
