package main

import (
	"context"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes"
	"github.com/runwith/runwith/internal/invoker/doctor"
)

// onKubernetes reports whether to examine a cluster, instead of an invoker.
func (f *doctorFlags) onKubernetes() (bool, error) {
	switch f.runner {
	case "":
		if set := f.kubernetes.changed(); len(set) > 0 {
			return false, misused("--%s: is for --runner %s", set[0], runKubernetes)
		}
		if f.pullImage != "" {
			return false, misused("--pull-image: is for --runner %s", runKubernetes)
		}
		return false, nil
	case runKubernetes:
		return true, nil
	}
	return false, misused("--runner %s: must be %s; no other runner is examined", f.runner, runKubernetes)
}

// examineCluster examines the cluster of runwith engine.
func (f *doctorFlags) examineCluster(ctx context.Context, found func(doctor.Finding)) error {
	c, err := f.kubernetes.config()
	if err != nil {
		return err
	}
	kubernetes.Examine(ctx, c, f.pullImage, func(k kubernetes.Finding) {
		status := doctor.OK
		switch {
		case k.Problem:
			status = doctor.Problem
		case k.Skipped:
			status = doctor.Skipped
		}
		found(doctor.Finding{Status: status, Check: k.Check, Text: k.Text})
	})
	return nil
}
