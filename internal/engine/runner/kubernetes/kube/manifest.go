package kube

import "github.com/goccy/go-yaml"

// JSON converts a manifest from YAML to JSON. A manifest in JSON is valid YAML, too.
func JSON(manifest []byte) ([]byte, error) { return yaml.YAMLToJSON(manifest) }
