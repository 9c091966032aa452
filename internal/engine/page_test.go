package engine

import (
	"testing"

	"github.com/runwith/runwith"
)

func TestPageTokenBelongsToItsList(t *testing.T) {
	t.Parallel()
	first, err := openPage(2, "", "jobs of a")
	if err != nil {
		t.Fatal(err)
	}
	token := first.next("name", int64(7))
	var name string
	var id int64
	if _, err := openPage(2, token, "jobs of a", &name, &id); err != nil || name != "name" || id != 7 {
		t.Errorf("openPage(%q) = %q, %d, %v, want name, 7", token, name, id, err)
	}
	if _, err := openPage(2, token, "jobs of b", &name, &id); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("openPage() with the token of another list = %v, want INVALID_ARGUMENT", err)
	}
	for size, want := range map[int32]int{0: defaultPageSize, 1: 1, 1_000_000: maxPageSize} {
		if p, err := openPage(size, "", ""); err != nil || p.size != want {
			t.Errorf("openPage(%d) has size %d, %v, want %d", size, p.size, err, want)
		}
	}
}

// FuzzPageToken checks that an invalid token is INVALID_ARGUMENT and never a panic.
func FuzzPageToken(f *testing.F) {
	p, err := openPage(0, "", "list")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{p.next("a", 1), p.next(), p.next(nil, nil), "", "rubbish", "AAAAAAAA", p.next("a", 1) + "="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		var name string
		id := int64(-1)
		_, err := openPage(0, token, "list", &name, &id)
		if err != nil && runwith.CodeOf(err) != runwith.InvalidArgument {
			t.Fatalf("openPage(%q) = %v, want INVALID_ARGUMENT", token, err)
		}
		if err != nil || token != "" {
			return
		}
		if name != "" {
			t.Errorf("openPage(\"\") set the name to %q, want it unchanged", name)
		}
		if id != -1 {
			t.Errorf("openPage(\"\") set the ID to %d, want it unchanged", id)
		}
	})
}
