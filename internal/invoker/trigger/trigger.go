package trigger

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/runwith/runwith/internal/invoker/configfile"
	"github.com/runwith/runwith/internal/lograte"
	"github.com/runwith/runwith/internal/principal"
)

// trigger is a compiled trigger of the configuration. Apart from deferrals, it does not change.
type trigger struct {
	name      string
	spec      configfile.Trigger
	source    source
	verifier  verifier // nil: the credential is the proof
	mapping   []mapped
	when      []condition
	key       []pointer
	deferrals lograte.Limit // lines about deferred events
}

// verifier checks the signatures of webhooks.
type verifier interface {
	// verify returns the ID of an event, which may be empty. The error is for the sender.
	verify(header http.Header, body []byte, now time.Time) (id string, err error)
}

// compile compiles a trigger, which the configuration has checked.
func compile(name string, f *configfile.File) (*trigger, error) {
	spec := f.Triggers[name]
	t := &trigger{name: name, spec: spec, source: newSource(spec), mapping: newMapping(spec.Map, f.Jobs[spec.Job].Parameters), when: newConditions(spec.When)}
	for _, text := range spec.Key {
		t.key = append(t.key, newPointer(text))
	}
	var err error
	if len(spec.Secret) > 0 {
		t.verifier, err = newVerifier(spec)
	}
	return t, err
}

func newSource(spec configfile.Trigger) source {
	switch spec.Type {
	case configfile.PubSub:
		return newPubSub(spec)
	case configfile.CloudEvents:
		return newCloudEvents(spec)
	case configfile.Scheduler:
		return scheduler{}
	case configfile.Tasks:
		return tasks{}
	}
	return newWebhook(spec)
}

// largest returns the size of the largest body.
func (t *trigger) largest() int64 {
	return int64(cmp.Or(t.spec.MaxBody, configfile.DefaultEvent))
}

// admits reports whether a principal may send events. The user of a development server may.
func (t *trigger) admits(p principal.Principal) bool {
	name := p.Name
	if name == "" {
		name = configfile.Anonymous
	}
	return p.Proof == principal.Local || slices.Contains(t.spec.Callers, name)
}
