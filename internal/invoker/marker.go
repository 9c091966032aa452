package invoker

import (
	"encoding/json"
	"time"

	"cloud.google.com/go/run/apiv2/runpb"
	"github.com/google/uuid"
)

// The variables that every run carries in the environment of one container. Names
// that begin with [ReservedPrefix] are the invoker's own.
const (
	// Marker is the invocation's ID, by which its execution is found.
	Marker = "RUNWITH_INVOCATION"
	// RecordMarker is what a lost store needs, as JSON.
	RecordMarker   = "RUNWITH_RECORD"
	ReservedPrefix = "RUNWITH_"
)

// recordVersion is of the form that [RecordMarker] has.
const recordVersion = 1

// passport is the value of [RecordMarker]. Caller, key and request are hashes.
type passport struct {
	Version  int       `json:"v"`
	Accepted time.Time `json:"accepted"`
	Owner    string    `json:"caller"`
	Key      string    `json:"key,omitempty"`
	Request  string    `json:"request"`
	Slot     string    `json:"slot,omitempty"`
}

// markers are the variables of a record's run.
func (r Record) markers() []*runpb.EnvVar {
	text, _ := json.Marshal(passport{recordVersion, r.Created, r.Owner, r.Key, r.Fingerprint, r.Slot}) // strings always encode
	return []*runpb.EnvVar{variable(Marker, r.ID), variable(RecordMarker, string(text))}
}

// bornBy returns the ID of the invocation whose marker the execution carries, and
// false where it has none.
func bornBy(e *runpb.Execution) (id string, found bool) {
	id = environment(e, Marker)
	return id, uuid.Validate(id) == nil
}

// passportOf reads what an execution carries for a lost store. It is the zero value
// where there is nothing that this version can read.
func passportOf(e *runpb.Execution) passport { return readPassport(environment(e, RecordMarker)) }

// environment returns the value of a variable, in whichever container it is set.
func environment(e *runpb.Execution, name string) string {
	for _, c := range e.GetTemplate().GetContainers() {
		for _, v := range c.GetEnv() {
			if v.GetName() == name {
				return v.GetValue()
			}
		}
	}
	return ""
}

// readPassport returns the zero value for what it cannot read.
func readPassport(text string) passport {
	var p passport
	if err := json.Unmarshal([]byte(text), &p); err != nil || p.Version != recordVersion {
		return passport{}
	}
	return p
}

func variable(name, value string) *runpb.EnvVar {
	return &runpb.EnvVar{Name: name, Values: &runpb.EnvVar_Value{Value: value}}
}
