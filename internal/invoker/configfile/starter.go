package configfile

import _ "embed"

// Starter is a commented file to begin with.
//
//go:embed starter.yaml
var Starter string
