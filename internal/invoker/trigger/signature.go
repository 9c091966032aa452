package trigger

import (
	"errors"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// newVerifier returns the verifier of a webhook's signatures.
func newVerifier(configfile.Trigger) (verifier, error) {
	return nil, errors.New("this version does not verify signatures yet")
}
