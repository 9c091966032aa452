package principal_test

import (
	"testing"

	"github.com/runwith/runwith/internal/principal"
)

func TestFrom(t *testing.T) {
	t.Parallel()
	if got := principal.From(t.Context()); got != (principal.Principal{}) {
		t.Errorf("From() of a bare context = %v, want the anonymous principal", got)
	}
	docs := principal.Principal{Name: "docs-api"}
	if got := principal.From(principal.With(t.Context(), docs)); got != docs {
		t.Errorf("From() = %v, want %v", got, docs)
	}
}

func TestString(t *testing.T) {
	t.Parallel()
	for want, p := range map[string]principal.Principal{
		"anonymous":  {},
		"local user": principal.LocalUser,
		"docs-api":   {Name: "docs-api"},
	} {
		if got := p.String(); got != want {
			t.Errorf("String() = %q, want %q", got, want)
		}
	}
}
