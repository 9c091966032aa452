package configfile_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

// TestColonsInFlowLists checks that text with colons is whole in a list within braces, as it
// is elsewhere.
func TestColonsInFlowLists(t *testing.T) {
	t.Parallel()
	for list, want := range map[string][]string{
		`[http://127.0.0.1:8080]`:                   {"http://127.0.0.1:8080"},
		`[runwith, http://h:80/a:b?c=d:e, "x:y"]`:   {"runwith", "http://h:80/a:b?c=d:e", "x:y"},
		`["http://h:80", http://h:81]`:              {"http://h:80", "http://h:81"},
		"[ a:b:c ,\n    https://h:443/ , 12:30:45]": {"a:b:c", "https://h:443/", "12:30:45"},
		`[über:80, urn:x:y]`:                        {"über:80", "urn:x:y"},
	} {
		file, err := configfile.Read("f", `callers: {docs: {oidc: {issuer: google, subject: "1", audience: `+list+`}, rate: 5/min}}`, nil)
		if err != nil {
			t.Errorf("audience: %s: %v", list, err)
			continue
		}
		if diff := cmp.Diff(want, []string(file.Callers["docs"].OIDC[0].Audience)); diff != "" {
			t.Errorf("audience: %s (-want +got):\n%s", list, diff)
		}
	}
}

// TestPairsInFlowLists checks that what is a mapping stays one.
func TestPairsInFlowLists(t *testing.T) {
	t.Parallel()
	for _, list := range []string{`[a: b]`, `["a":b]`, `[a:]`, `[{a:b}]`, `[a: b:c]`} {
		if _, err := configfile.Read("f", `callers: {docs: {oidc: {issuer: google, subject: "1", audience: `+list+`}}}`, nil); err == nil {
			t.Errorf("audience: %s: no error, want one", list)
		}
	}
}
