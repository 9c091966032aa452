package cloudrun

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/runwith/runwith"
)

// TestDialGoogle connects to nothing: a client does that with its first call.
func TestDialGoogle(t *testing.T) {
	t.Parallel()
	c := dial(t, Config{Token: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "secret"})})
	if c.logging != googleLogging {
		t.Errorf("the log is read from %q, want %q", c.logging, googleLogging)
	}
	// An unsent call is NotStarted, which proves that the client records each call on the wire.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Run(ctx, "report", nil)
	if got := OutcomeOf(err); got != NotStarted {
		t.Errorf("OutcomeOf(%v) = %v, want %v", err, got, NotStarted)
	}
}

func TestDialGoogleWithoutCredentials(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	_, err := Dial(t.Context(), Config{Project: "demo", Region: "us-east4"})
	if runwith.CodeOf(err) != runwith.FailedPrecondition {
		t.Errorf("Dial() = %v, want FAILED_PRECONDITION", err)
	}
	if want := "missing.json: no such file or directory"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Dial() = %v, want the reason %q", err, want)
	}
}
