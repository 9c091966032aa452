package runwith

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Request is a request to start a job. The zero value starts it as it is.
//
// Its JSON is the body of the invoker's request: the fields of [Overrides] beside its own.
type Request struct {
	// Parameters are the values of the parameters that the invoker's configuration defines
	// for the job, by name: strings, numbers or booleans. In a request that was read from
	// JSON, such as [Invocation].Request, numbers are a [json.Number], so that none loses
	// digits.
	Parameters map[string]any
	// Labels help to find the invocation again: at most 16. A name has at most 63 lower-case
	// letters, digits and _ . -, and begins with a letter; a value has at most 128
	// characters. The job finds them only in its variable RUNWITH_RECORD.
	Labels map[string]string
	// Callback asks for a notification of this invocation's end; nil is none.
	Callback *Callback
	// StartAt is the earliest time of the start, at most 30 days ahead; zero is now. The request
	// is accepted at once, and waits on the server's disk.
	StartAt time.Time
	// Overrides change the job's settings directly, if the configuration allows that.
	Overrides Overrides
}

// Callback is where the invoker sends the events of one invocation. The host of the URL must
// be allowed by the invoker's configuration.
type Callback struct {
	// URL is an https URL.
	URL string `json:"url" format:"uri" doc:"Address that gets the events; its host must be allowed by the server's configuration." example:"https://api.example.com/hooks/runwith"`
}

// requestJSON is the JSON of Request.
type requestJSON struct {
	overrideFields
	Timeout    string            `json:"timeout,omitempty"`
	Parameters map[string]any    `json:"parameters,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
	Callback   *Callback         `json:"callback,omitempty"`
	StartAt    time.Time         `json:"startAt,omitzero"`
}

// MarshalJSON returns the body of the invoker's request to start a job.
func (r Request) MarshalJSON() ([]byte, error) { return json.Marshal(r.body()) }

// body returns the request as JSON has it.
func (r Request) body() requestJSON {
	body := requestJSON{
		overrideFields: overrideFields(r.Overrides),
		Parameters:     r.Parameters, Labels: r.Labels, Callback: r.Callback, StartAt: r.StartAt,
	}
	if r.Overrides.Timeout != 0 {
		body.Timeout = r.Overrides.Timeout.String()
	}
	return body
}

// UnmarshalJSON reads what MarshalJSON returns.
func (r *Request) UnmarshalJSON(data []byte) error {
	var body requestJSON
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&body); err != nil {
		return err
	}
	read := Request{
		Parameters: body.Parameters, Labels: body.Labels, Callback: body.Callback, StartAt: body.StartAt,
		Overrides: Overrides(body.overrideFields),
	}
	if body.Timeout != "" {
		timeout, err := time.ParseDuration(body.Timeout)
		if err != nil {
			return fmt.Errorf("timeout %q: must be a duration such as 90s: %w", body.Timeout, err)
		}
		read.Overrides.Timeout = timeout
	}
	*r = read
	return nil
}
