#!/usr/bin/env bash
# build.sh FILE: builds Kubernetes for tests into FILE. That takes 15 minutes of processor time
# and 4 GB of disk the first time, and some seconds once Go's build cache has it.
set -euo pipefail
file=$(realpath -m "$1")
cd "$(dirname "$0")"
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
IFS=. read -r major minor _ <<<"${version#v}"
variables=k8s.io/component-base/version
# Without a version, the parts of Kubernetes refuse to talk to each other.
exec env CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$file" \
  -ldflags "-s -w -X $variables.gitVersion=$version -X $variables.gitMajor=$major -X $variables.gitMinor=$minor" .
