package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/invoker/policy"
	"github.com/runwith/runwith/internal/principal"
)

// TestGrants checks every caller with every verb on every kind of job.
func TestGrants(t *testing.T) {
	const callers = `
callers:
  all: {oidc: {issuer: google, subject: "1", audience: x}, grants: [view, operate]}
  some: {oidc: {issuer: google, subject: "2", audience: x}}
  none: {oidc: {issuer: google, subject: "3", audience: x}}
`
	const jobs = `
jobs:
  closed: {}
  granted: {grants: {all: [start], some: [start, cancel], anonymous: [view]}}
`
	who := map[string]principal.Principal{
		"local": principal.LocalUser, "anonymous": {}, "all": {Name: "all", Proof: "token"}, "some": {Name: "some", Proof: "api-key"},
		"none": {Name: "none", Proof: "token"}, "gone": {Name: "gone", Proof: "token"},
	}
	const every = "start view cancel values operate"
	for name, test := range map[string]struct {
		policy *policy.Policy
		want   map[string]string // verbs by caller and job; missing: none
	}{
		"nil":  {nil, allJobs(every, "start view cancel operate", "all", "some", "none", "gone", "anonymous")},
		"zero": {&policy.Policy{}, allJobs(every, "start view cancel operate", "all", "some", "none", "gone", "anonymous")},
		"callers": {compile(t, callers+jobs), map[string]string{
			"local closed": every, "local granted": every, "local missing": every, "local ": every,
			"all closed": "view operate", "all granted": "start view operate", "all missing": "view operate", "all ": "view operate",
			"some granted": "start cancel", "anonymous granted": "view",
		}},
		"no callers": {compile(t, "jobs:\n  closed:\n  granted: {grants: {anonymous: [view]}}"), map[string]string{
			"local closed": every, "local granted": every, "local missing": every, "local ": every,
			"anonymous closed": "start view cancel operate", "anonymous granted": "view", "anonymous ": "start view cancel operate",
		}},
	} {
		got := map[string]string{}
		for caller, p := range who {
			for _, job := range []string{"closed", "granted", "missing", policy.EveryJob} {
				var verbs []string
				for _, v := range policy.Verbs() {
					if test.policy.Allows(p, job, v) {
						verbs = append(verbs, string(v))
					}
				}
				if !slices.Equal(verbs, test.policy.Verbs(p, job)) {
					t.Errorf("%s: verbs of %s on %s = %v, want %v", name, caller, job, test.policy.Verbs(p, job), verbs)
				}
				if len(verbs) > 0 {
					got[caller+" "+job] = strings.Join(verbs, " ")
				}
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: verbs (-want +got):\n%s", name, diff)
		}
	}
}

// allJobs returns the verbs of a server without a configuration.
func allJobs(local, others string, callers ...string) map[string]string {
	want := map[string]string{}
	for _, job := range []string{"closed", "granted", "missing", ""} {
		want["local "+job] = local
		for _, caller := range callers {
			want[caller+" "+job] = others
		}
	}
	return want
}

func TestSees(t *testing.T) {
	p := compile(t, sample)
	stranger := principal.Principal{Name: "stranger", Proof: "token"}
	for _, test := range []struct {
		who  principal.Principal
		job  string
		want bool
	}{
		{docs(), "reindex", true}, {docs(), "plain", false}, {docs(), "missing", false},
		{stranger, "reindex", false}, {principal.Principal{}, "reindex", false},
		{principal.LocalUser, "plain", true}, {principal.LocalUser, "missing", false},
	} {
		if got := p.Sees(test.who, test.job); got != test.want {
			t.Errorf("%v sees %s = %v, want %v", test.who, test.job, got, test.want)
		}
	}
}

// FuzzGrants compares the decision with a second, naive reading of the file.
func FuzzGrants(f *testing.F) {
	f.Add(uint8(3), uint8(5), uint8(1), "a", uint8(0))
	f.Add(uint8(0), uint8(31), uint8(31), "", uint8(4))
	f.Fuzz(func(t *testing.T, own, granted, anonymous uint8, name string, verb uint8) {
		content := fmt.Sprintf(`
callers:
  a: {oidc: {issuer: google, subject: "1", audience: x}, grants: [%s]}
jobs:
  j: {grants: {a: [%s], anonymous: [%s]}}
  other: {}
`, verbs(own), verbs(granted), verbs(anonymous))
		file, err := configfile.Read("f", content, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.New(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		v := policy.Verbs()[int(verb)%len(policy.Verbs())]
		bit := uint8(1) << (int(verb) % len(policy.Verbs()))
		want := name == "a" && (own|granted)&bit != 0 || name == "" && anonymous&bit != 0
		if got := p.Allows(principal.Principal{Name: name, Proof: "token"}, "j", v); got != want {
			t.Errorf("%q has %s = %v, want %v", name, v, got, want)
		}
		if got := p.Allows(principal.Principal{Name: name, Proof: "token"}, "other", v); got != (name == "a" && own&bit != 0) {
			t.Errorf("%q has %s on another job = %v", name, v, got)
		}
	})
}

// verbs returns the verbs of a set of bits.
func verbs(set uint8) string {
	var names []string
	for i, v := range policy.Verbs() {
		if set&(1<<i) != 0 {
			names = append(names, string(v))
		}
	}
	return strings.Join(names, ", ")
}
