// Package kube is a client for the parts of the Kubernetes API that the runner needs:
// Pods, their logs, Leases, and what a doctor asks. It finds and authenticates the cluster
// as kubectl does.
//
// The usual library, client-go, is left out on purpose: the smallest part of it that would
// do makes a cold build of runwith 30 s longer on two cores, and the binary a third larger.
// The types here have the fields that the runner reads or sets, by their names in the API.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/
package kube
