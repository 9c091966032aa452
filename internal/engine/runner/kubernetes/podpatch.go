package kubernetes

import (
	"encoding/json"

	"github.com/runwith/runwith/internal/engine/runner/kubernetes/kube"
)

// podJSON returns a Pod as JSON, with the patch of the configuration applied.
func (c *Config) podJSON(pod *kube.Pod) ([]byte, error) {
	return json.Marshal(pod)
}
