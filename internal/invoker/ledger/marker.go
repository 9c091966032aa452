package ledger

import (
	"encoding/json"
	"time"

	"github.com/runwith/runwith"
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

// passportVersion is the version of the JSON that [RecordMarker] carries.
const passportVersion = 1

// Passport is the value of [RecordMarker]. Owner, key and request are hashes.
type Passport struct {
	Version  int       `json:"v"`
	Accepted time.Time `json:"accepted"`
	Owner    string    `json:"caller"`
	Key      string    `json:"key,omitempty"`
	Request  string    `json:"request"`
	Slot     string    `json:"slot,omitempty"`
}

// Passport returns the value of the record's [RecordMarker].
func (r Record) Passport() string {
	text, _ := json.Marshal(Passport{passportVersion, r.Created, r.Owner, r.Key, r.Fingerprint, r.Slot}) // strings always encode
	return string(text)
}

// ReadPassport returns the zero value if this version cannot read the text.
func ReadPassport(text string) Passport {
	var p Passport
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Version != passportVersion {
		return Passport{}
	}
	return p
}

// Bearer is an execution that carries the marker of an invocation.
type Bearer struct {
	ID        string // of the invocation
	Job       string
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
		Invocation: runwith.Invocation{ID: b.ID, Job: b.Job, Created: Stored(p.Accepted), Attempts: 1},
		Version:    1, Checked: true,
		Owner: p.Owner, Key: p.Key, Fingerprint: p.Request, Slot: p.Slot,
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
