package pagetoken_test

import (
	"testing"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/pagetoken"
)

func TestTokenBelongsToItsList(t *testing.T) {
	t.Parallel()
	token := pagetoken.New("jobs of a", "name", int64(7))
	var name string
	var id int64
	if err := pagetoken.Read(token, "jobs of a", &name, &id); err != nil || name != "name" || id != 7 {
		t.Errorf("Read(%q) = %q, %d, %v, want name, 7", token, name, id, err)
	}
	if err := pagetoken.Read("", "jobs of b", &name, &id); err != nil || name != "name" {
		t.Errorf("Read() of an empty token = %q, %v, want the key unchanged", name, err)
	}
	for _, wrong := range []string{token + "A", "rubbish", "AAAAAAAA", token[:10]} {
		if err := pagetoken.Read(wrong, "jobs of a", &name, &id); runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Errorf("Read(%q) = %v, want INVALID_ARGUMENT", wrong, err)
		}
	}
	if err := pagetoken.Read(token, "jobs of b", &name, &id); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("Read() with the token of another list = %v, want INVALID_ARGUMENT", err)
	}
}
