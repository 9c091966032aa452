package configfile_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/runwith/runwith/internal/invoker/configfile"
)

func TestReadTriggers(t *testing.T) {
	f, err := configfile.Read("runwith.yaml", whole, resolve)
	if err != nil {
		t.Fatal(err)
	}
	want := configfile.Trigger{
		Type: configfile.PubSub, Job: "reindex", Callers: []string{"docs-api", "anonymous"},
		Map:    map[string]configfile.Mapping{"tenant": {Pointer: "/attributes/tenant"}, "size": {Pointer: "/data/size", Default: json.Number("2.50")}},
		When:   map[string]configfile.Conditions{"/data/kind": {"a", "b"}, "/data/done": {true}, "/data/count": {json.Number("1")}},
		Key:    []string{"/attributes/id"},
		Refuse: configfile.Nack, MaxBody: configfile.MaxEvent,
	}
	if diff := cmp.Diff(want, f.Triggers["reindexed"], cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("trigger (-want +got):\n%s", diff)
	}
	if got := f.Triggers["pushed"].Map["tenant"]; got.Value != "acme" || got.Pointer != "" {
		t.Errorf("mapping without a slash = %+v, want a literal", got)
	}
	if shown := fmt.Sprintf("%+v", f.Triggers["pushed"]); strings.Contains(shown, canary) {
		t.Error("a printed trigger shows its secret")
	}
}

// The file of TestTriggerFaults has one trigger in its third line.
const triggerHead = `callers: {docs: {apiKeys: [{id: a, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]}}
jobs: {a: {}, b: {parameters: {tenant: {type: string}, size: {type: integer, default: 1}}}}
`

func TestTriggerFaults(t *testing.T) {
	for name, test := range map[string]struct{ trigger, want string }{
		"no type":                {"{job: a, callers: [docs]}", "triggers.t: type is required"},
		"unknown type":           {"{type: kafka, job: a, callers: [docs]}", `f:3:22: triggers.t.type: must be one of pubsub, cloudevents, scheduler, tasks, webhook, not "kafka"`},
		"unknown job":            {"{type: pubsub, job: aa, callers: [docs]}", "f:3:35: triggers.t.job: is not one of the jobs"},
		"unknown caller":         {"{type: pubsub, job: a, callers: [doc]}", "f:3:48: triggers.t.callers[0]: is not one of the callers; did you mean docs?"},
		"no type, unknown job":   {"{job: aa, callers: [docs]}", "triggers.t.job: is not one of the jobs"},
		"two unknown":            {"{type: foo, job: aa, callers: [docs]}", "triggers.t.job: is not one of the jobs"},
		"no type, unknown field": {"{job: b, callers: [docs], map: {tenant: /a, siz: 1}}", "triggers.t.map.siz: is not a parameter of the job b"},
		"no type, no callers":    {"{type: foo, job: a}", "triggers.t: needs callers"},
		"no job, unknown caller": {"{type: pubsub, callers: [doc]}", "triggers.t.callers[0]: is not one of the callers"},
		"no job, foreign preset": {"{type: pubsub, preset: storage, callers: [docs]}", "triggers.t.preset: storage is for the type cloudevents only"},
		"no callers":             {"{type: pubsub, job: a}", "f:3:12: triggers.t: needs callers"},
		"foreign preset":         {"{type: pubsub, preset: storage, job: a, callers: [docs]}", "triggers.t.preset: storage is for the type cloudevents only"},
		"preset of webhooks":     {"{type: tasks, preset: github, job: a, callers: [docs]}", "triggers.t.preset: github is for the type webhook only"},
		"foreign unwrapped":      {"{type: tasks, unwrapped: true, job: a, callers: [docs]}", "triggers.t.unwrapped: true is for the type pubsub only"},
		"foreign secret":         {"{type: tasks, secret: {file: new}, job: a, callers: [docs]}", "triggers.t.secret: it is for the type webhook only"},
		"foreign signature":      {"{type: tasks, signature: {header: X}, job: a, callers: [docs]}", "triggers.t.signature: it is for the type webhook only"},
		"unknown parameter":      {"{type: pubsub, job: b, callers: [docs], map: {tenant: /a, siz: 1}}", "triggers.t.map.siz: is not a parameter of the job b; did you mean size?"},
		"missing parameter":      {"{type: pubsub, job: b, callers: [docs]}", "triggers.t: the job b requires the parameter tenant: add it to map"},
		"empty mapping":          {"{type: pubsub, job: b, callers: [docs], map: {tenant: }}", "triggers.t.map.tenant: needs either pointer or value"},
		"pointer and value":      {"{type: pubsub, job: b, callers: [docs], map: {tenant: {pointer: /a, value: b}}}", "triggers.t.map.tenant: needs either pointer or value"},
		"default of a value":     {"{type: pubsub, job: b, callers: [docs], map: {tenant: {value: a, default: b}}}", "triggers.t.map.tenant.default: has no effect"},
		"list as mapping":        {"{type: pubsub, job: b, callers: [docs], map: {tenant: [/a]}}", "triggers.t.map.tenant: must be a mapping"},
		"pointer without slash":  {"{type: pubsub, job: a, callers: [docs], key: message}", "triggers.t.key: must be a JSON Pointer"},
		"pointer with bad tilde": {"{type: pubsub, job: a, callers: [docs], key: [/a~2]}", "triggers.t.key[0]: must be a JSON Pointer"},
		"when without pointer":   {"{type: pubsub, job: a, callers: [docs], when: {kind: a}}", "triggers.t.when: the name must be a JSON Pointer"},
		"when without values":    {"{type: pubsub, job: a, callers: [docs], when: {/kind: []}}", "triggers.t.when./kind: needs a value"},
		"when with a list":       {"{type: pubsub, job: a, callers: [docs], when: {/kind: [[a]]}}", "must be text, a number, true or false"},
		"large body":             {"{type: pubsub, job: a, callers: [docs], maxBody: 17MiB}", "triggers.t.maxBody: must be a size such as 64KiB, at most 16MiB"},
		"preset and signature":   {"{type: webhook, preset: github, job: a, secret: {file: new}, signature: {header: X}}", "triggers.t.signature: is what the preset github decides"},
		"preset without secret":  {"{type: webhook, preset: github, job: a, callers: [docs]}", "triggers.t: secret is required"},
		"secret without form":    {"{type: webhook, job: a, secret: {file: new}, key: /id}", "triggers.t: signature or preset is required"},
		"webhook without key":    {"{type: webhook, job: a, secret: {file: new}, signature: {header: X}}", "triggers.t: key or signature.idHeader is required"},
		"signed without ID":      {"{type: webhook, job: a, secret: {file: new}, key: /id, signature: {header: X, signed: id.timestamp.body}}", "triggers.t.signature: idHeader and timestampHeader are required"},
		"unsigned time":          {"{type: webhook, job: a, secret: {file: new}, key: /id, signature: {header: X, timestampHeader: Y}}", "triggers.t.signature.timestampHeader: has no effect unless signed is id.timestamp.body"},
		"useless tolerance":      {"{type: webhook, job: a, secret: {file: new}, key: /id, signature: {header: X, tolerance: 1m}}", "triggers.t.signature.tolerance: has no effect"},
		"webhook of nobody":      {"{type: webhook, job: a, key: /id}", "triggers.t: needs secret or callers"},
		"inline secret":          {"{type: webhook, job: a, secret: " + canary + "}", "triggers.t.secret: must be {file: PATH} or {env: NAME}"},
		"wrong name":             {"{type: pubsub, job: a, callers: [docs]}\n  T: {}", "triggers: the name must be a trigger's name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := configfile.Read("f", triggerHead+"triggers: {t: "+test.trigger+"}", resolve)
			if strings.Contains(test.trigger, "\n") {
				_, err = configfile.Read("f", triggerHead+"triggers:\n  t: "+test.trigger, resolve)
			}
			switch {
			case err == nil:
				t.Fatal("the file was accepted")
			case !strings.Contains(err.Error(), test.want):
				t.Errorf("error %q, want %q", err, test.want)
			case strings.Contains(err.Error(), canary):
				t.Error("the error repeats a secret")
			}
		})
	}
}
