package kube

import "github.com/goccy/go-yaml"

// JSON returns a manifest as JSON. People write manifests in YAML, of which JSON is a part.
func JSON(manifest []byte) ([]byte, error) { return yaml.YAMLToJSON(manifest) }
