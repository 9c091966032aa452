package kubernetes

import (
	"context"
	"fmt"
)

// Left returns how many Pods [Cleanup] would remove, and names the cluster and namespace.
func Left(ctx context.Context, c Config) (pods int, where string, err error) {
	r, err := connect(c, false)
	if err != nil {
		return 0, "", err
	}
	defer r.end()
	all, err := r.client.ListPods(ctx, selector(r.engine))
	if err != nil {
		return 0, r.client.String(), fmt.Errorf("%v: look for Pods: %w", r, advise(err))
	}
	return len(all), r.client.String(), nil
}
