package ledger

import (
	"cmp"
	"encoding/json"
	"path"
	"regexp"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/jobspec"
)

// The variables that every run carries in the environment of one container. Names
// that begin with [ReservedPrefix] belong to the invoker.
const (
	// Marker is the invocation's ID, by which its execution is found.
	Marker = "RUNWITH_INVOCATION"
	// RecordMarker is the [Passport], from which a lost row is rebuilt.
	RecordMarker   = "RUNWITH_RECORD"
	ReservedPrefix = "RUNWITH_"
)

// TraceVariable carries the trace of the request in every run that has one.
// See https://opentelemetry.io/docs/specs/otel/context/env-carriers/.
const TraceVariable = "TRACEPARENT"

// traceparent is the form of a W3C trace context.
// See https://www.w3.org/TR/trace-context/#traceparent-header.
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// ValidTrace returns a traceparent, or nothing if it is malformed, as the specification wants.
func ValidTrace(trace string) string {
	if !traceparent.MatchString(trace) {
		return ""
	}
	return trace
}

// passportVersion is the version of the JSON that [RecordMarker] carries. Fields were added
// since, which an earlier program passes over.
const passportVersion = 1

// maxPassport bounds the JSON, in bytes. The longest labels and names take a third of it.
const maxPassport = 16 << 10

// longestPassport is the length of the longest text that is read, in bytes. No variable on Cloud Run
// has a longer value.
const longestPassport = 32 << 10

// maxKeyKeep bounds what a passport may ask for.
const maxKeyKeep = 366 * 24 * time.Hour

// Passport is the value of [RecordMarker]. Owner, key and request are hashes.
type Passport struct {
	Version  int               `json:"v"`
	Accepted time.Time         `json:"accepted"`
	Owner    string            `json:"caller"`
	Name     string            `json:"name,omitempty"` // of the caller
	Key      string            `json:"key,omitempty"`
	Request  string            `json:"request"`
	Slot     string            `json:"slot,omitempty"`
	Job      string            `json:"job,omitempty"` // the caller's name for it, if Cloud Run has another
	Labels   map[string]string `json:"labels,omitempty"`
	KeyKeep  int64             `json:"keyKeep,omitempty"` // seconds
	Source   string            `json:"source,omitempty"`
	Event    string            `json:"event,omitempty"` // of the source
	RerunOf  string            `json:"rerunOf,omitempty"`
}

// Passport returns the value of the record's [RecordMarker].
func (r Record) Passport() string {
	p := Passport{
		Version: passportVersion, Accepted: r.Created, Owner: r.Owner, Name: r.Caller, Key: r.Key, Request: r.Fingerprint,
		Slot: r.Slot, Labels: r.Labels, KeyKeep: int64(r.KeyKeep.Seconds()),
		Source: SourceName(r.Source), Event: SourceEvent(r.Source), RerunOf: r.RerunOf,
	}
	if r.Job != path.Base(r.Target) {
		p.Job = r.Job
	}
	text, _ := json.Marshal(p) // strings always encode
	if len(text) > maxPassport {
		p.Labels = nil
		text, _ = json.Marshal(p)
	}
	return string(text)
}

// ReadPassport returns the zero value if this version cannot read the text. Anybody may have
// written it, so names and labels that no request may have are left out.
func ReadPassport(text string) Passport {
	var p Passport
	if len(text) > longestPassport {
		return p
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Version != passportVersion {
		return Passport{}
	}
	if jobspec.ValidateJobID(p.Job) != nil {
		p.Job = ""
	}
	if len(p.Labels) > MaxLabels {
		p.Labels = nil
	}
	for name, value := range p.Labels {
		if !LabelFits(name, value) {
			delete(p.Labels, name)
		}
	}
	if p.Name != "" && OwnerOf(p.Name) != p.Owner {
		p.Name = ""
	}
	if p.Source != "" && OwnerOf(p.Source) != p.Owner {
		p.Source, p.Event = "", ""
	}
	return p
}

// Bearer is an execution that carries the marker of an invocation.
type Bearer struct {
	ID        string // of the invocation
	Target    string // the Cloud Run job, as a record has it
	Job       string // its ID
	Execution string // resource name
	Created   time.Time
	Passport  Passport
	Status    Status
}

// Rebuilt returns the record of a lost row, as the invocation's execution shows it.
// unsettled is how long another execution of the same invocation may stay hidden.
func Rebuilt(b Bearer, now time.Time, unsettled time.Duration) Record {
	p := b.Passport
	r := Record{
		Invocation: runwith.Invocation{
			ID: b.ID, Job: cmp.Or(p.Job, b.Job), Caller: p.Name, Labels: p.Labels, Created: Stored(p.Accepted), Attempts: 1,
			Source: SourceOf(p.Source, p.Event), RerunOf: p.RerunOf,
		},
		Version: LaterVersion(now), Checked: true, Target: b.Target,
		Owner: p.Owner, Key: p.Key, Fingerprint: p.Request, Slot: p.Slot,
		KeyKeep: min(max(0, time.Duration(p.KeyKeep)*time.Second), maxKeyKeep),
	}
	if p.Accepted.IsZero() {
		r.Created = Stored(b.Created)
	}
	r = r.Adopted(b.Execution, b.Status).Observed(b.Status, now)
	if r.Created.Add(WatchTwins).After(now) { // it may be one of two
		r.WatchUntil = now.Add(unsettled + WatchTwins)
	}
	return r
}
