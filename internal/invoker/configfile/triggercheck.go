package configfile

import (
	"maps"
	"slices"
)

// checkTriggers finds the mistakes of triggers that no single field shows.
func (f *File) checkTriggers(c *Checker) {
	for _, name := range slices.Sorted(maps.Keys(f.Triggers)) {
		t := triggerChecker{c, f, f.Triggers[name], Path("triggers").Field(name)}
		t.callers()
		t.parameters()
		t.conditions()
		t.typed()
	}
}

// triggerChecker notes the mistakes of one trigger.
type triggerChecker struct {
	*Checker
	file *File
	Trigger
	at Path
}

func (t triggerChecker) callers() {
	for i, name := range t.Callers {
		if _, known := t.file.Callers[name]; !known && name != Anonymous {
			t.Addf(t.at.Field("callers").Index(i), "is not one of the callers%s", didYouMean(name, t.file.Callers))
		}
	}
	signed := (t.Type == Webhook || t.Type == "") && len(t.Secret) > 0
	if len(t.Callers) == 0 && !signed {
		needs := "callers"
		if t.Type == Webhook {
			needs = "secret or callers"
		}
		t.Addf(t.at, "needs %s: without them nobody may send events (anonymous means requests without a credential)", needs)
	}
}

// typed notes what does not fit the type. The reader has reported a type that is missing or
// unknown.
func (t triggerChecker) typed() {
	if t.Type == "" {
		return
	}
	t.form()
	if t.Type == Webhook {
		t.webhook()
	} else {
		t.noWebhook()
	}
}

// form notes fields that do not fit the type.
func (t triggerChecker) form() {
	switch t.Preset {
	case "":
	case Storage:
		t.only("preset", CloudEvents, "storage")
	default:
		t.only("preset", Webhook, t.Preset)
	}
	if t.Unwrapped {
		t.only("unwrapped", PubSub, "true")
	}
}

func (t triggerChecker) only(field, of, value string) {
	if t.Type != of {
		t.Addf(t.at.Field(field), "%s is for the type %s only, and this trigger has the type %s", value, of, t.Type)
	}
}

// parameters notes mappings that the job cannot use, and parameters that get no value. The
// reader has reported a job that is missing.
func (t triggerChecker) parameters() {
	if t.Job == "" {
		return
	}
	job, known := t.file.Jobs[t.Job]
	if !known {
		t.Addf(t.at.Field("job"), "is not one of the jobs%s", didYouMean(t.Job, t.file.Jobs))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(t.Map)) {
		at := t.at.Field("map").Field(name)
		if _, known := job.Parameters[name]; !known {
			t.Addf(at, "is not a parameter of the job %s%s", t.Job, didYouMean(name, job.Parameters))
		}
		switch m := t.Map[name]; {
		case (m.Pointer == "") == (m.Value == nil):
			t.Addf(at, "needs either pointer or value")
		case m.Value != nil && m.Default != nil:
			t.Addf(at.Field("default"), "has no effect beside value: leave it out")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(job.Parameters)) {
		p := job.Parameters[name]
		if _, mapped := t.Map[name]; !mapped && p.Default == nil && !p.Optional {
			t.Addf(t.at, "the job %s requires the parameter %s: add it to map", t.Job, name)
		}
	}
}

func (t triggerChecker) conditions() {
	for _, pointer := range slices.Sorted(maps.Keys(t.When)) {
		if len(t.When[pointer]) == 0 {
			t.Addf(t.at.Field("when").Field(pointer), "needs a value, or a list of values")
		}
	}
}

// webhook notes mistakes in how events are signed and identified.
func (t triggerChecker) webhook() {
	s := t.Signature
	switch {
	case t.Preset != "" && s != nil:
		t.Addf(t.at.Field("signature"), "is what the preset %s decides: leave out one of them", t.Preset)
	case t.Preset != "" && len(t.Secret) == 0:
		t.Addf(t.at, "secret is required: the preset %s checks signatures", t.Preset)
	case s != nil && len(t.Secret) == 0:
		t.Addf(t.at, "secret is required: signature checks signatures")
	case t.Preset == "" && s == nil && len(t.Secret) > 0:
		t.Addf(t.at, "signature or preset is required: it says how the secret signs the events")
	}
	if t.Preset == "" && len(t.Key) == 0 && (s == nil || s.IDHeader == "") {
		t.Addf(t.at, "key or signature.idHeader is required: it says which events are the same, so that a repeated one does not start the job again")
	}
	if s == nil {
		return
	}
	at := t.at.Field("signature")
	if s.Signed == SignedIDAndTime && (s.IDHeader == "" || s.TimestampHeader == "") {
		t.Addf(at, "idHeader and timestampHeader are required for %s", SignedIDAndTime)
	}
	if s.TimestampHeader != "" && s.Signed != SignedIDAndTime {
		t.Addf(at.Field("timestampHeader"), "has no effect unless signed is %s: anybody could change a time that is not signed", SignedIDAndTime)
	}
	if s.Tolerance > 0 && s.TimestampHeader == "" {
		t.Addf(at.Field("tolerance"), "has no effect without timestampHeader")
	}
}

// noWebhook notes fields that are for webhooks.
func (t triggerChecker) noWebhook() {
	if len(t.Secret) > 0 {
		t.only("secret", Webhook, "it")
	}
	if t.Signature != nil {
		t.only("signature", Webhook, "it")
	}
}
