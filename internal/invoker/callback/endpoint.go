package callback

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/jobspec"
)

// maxSecrets is how many secrets an endpoint may have. Each adds a signature.
const maxSecrets = 5

// Endpoint is a receiver of events.
type Endpoint struct {
	// Name is unique. Empty is the URL without its query. The name is in logs and metrics.
	Name string
	URL  string
	// Secrets sign each delivery. At least one is required.
	Secrets []Secret
	// Events are those to send; empty is [Ends].
	Events []ledger.Event
	// Jobs and Labels select invocations. Empty selects all.
	Jobs   []string
	Labels map[string]string
}

// Requests is the rule for URLs that a request names.
type Requests struct {
	// Hosts are the allowed hosts, with a port if it is not 443. A host that is an address in
	// an allowed range (or localhost) may have any port, and http.
	Hosts []string
	// Secrets sign each delivery. At least one is required.
	Secrets []Secret
	// Events are those to send; empty is [Ends].
	Events []ledger.Event
}

// Rules are the endpoints that receive events. The zero value has none.
type Rules struct {
	Endpoints []Endpoint
	Requests  *Requests // nil: a request may not name a URL
	Allowed   Allowed
}

// Endpoints are rules that were checked. They do not change; [Sender.Use] replaces them.
type Endpoints struct {
	rules   Rules
	byName  map[string]Endpoint
	checker *checker
}

// Ends returns the events of an end, and of an invocation that needs a person.
func Ends() []ledger.Event {
	return slices.DeleteFunc(ledger.Events(), func(e ledger.Event) bool { return e == ledger.EventStarted })
}

// ParseEvents reads names of events, such as failed or invocation.failed.
func ParseEvents(names []string) ([]ledger.Event, error) {
	events := make([]ledger.Event, len(names))
	for i, name := range names {
		events[i] = ledger.Event("invocation." + strings.TrimPrefix(name, "invocation."))
		if strings.TrimSuffix(name, ".reached") == "budget" {
			events[i] = ledger.EventBudget
		} else if !slices.Contains(ledger.Events(), events[i]) {
			return nil, fmt.Errorf("event %q: must be one of started, succeeded, failed, cancelled, refused, unresolved, budget", name)
		}
	}
	return events, nil
}

// FaultError is one mistake in rules.
type FaultError struct {
	// Index is the endpoint's in [Rules]; -1 is Requests.
	Index int
	// Field is the name of its field, in the words of the configuration file.
	Field, Text string
}

// Error returns the mistake with its place.
func (f FaultError) Error() string {
	if f.Index < 0 {
		return "requestCallbacks." + f.Field + ": " + f.Text
	}
	return fmt.Sprintf("callbacks[%d].%s: %s", f.Index, f.Field, f.Text)
}

// New checks rules. Its error joins all mistakes, each of which is a [FaultError].
func New(rules Rules) (*Endpoints, error) {
	rules.Endpoints = slices.Clone(rules.Endpoints)
	e := &Endpoints{rules: rules, byName: map[string]Endpoint{}, checker: newChecker(rules.Allowed)}
	var faults []error
	for i := range rules.Endpoints {
		rules.Endpoints[i].Name = cmp.Or(rules.Endpoints[i].Name, withoutSecrets(rules.Endpoints[i].URL))
		for _, f := range e.add(rules.Endpoints[i]) {
			f.Index = i
			faults = append(faults, f)
		}
	}
	if r := rules.Requests; r != nil {
		if len(r.Hosts) == 0 {
			faults = append(faults, FaultError{-1, "hosts", "is required"})
		}
		if text := secretsFault(r.Secrets); text != "" {
			faults = append(faults, FaultError{-1, "secret", text})
		}
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Endpoints) add(one Endpoint) (faults []FaultError) {
	if _, taken := e.byName[one.Name]; taken {
		faults = append(faults, FaultError{Field: "name", Text: fmt.Sprintf("another endpoint is called %q: choose another name", one.Name)})
	}
	if reserved(one.Name) {
		faults = append(faults, FaultError{Field: "name", Text: fmt.Sprintf("%q is reserved for the URLs of requests: choose another name", one.Name)})
	}
	if _, err := e.checker.parseURL(one.URL); err != nil {
		faults = append(faults, FaultError{Field: "url", Text: err.Error()})
	}
	if text := secretsFault(one.Secrets); text != "" {
		faults = append(faults, FaultError{Field: "secret", Text: text})
	}
	e.byName[one.Name] = one
	return faults
}

// reserved reports whether the name belongs to the lanes of requests' URLs.
func reserved(name string) bool {
	return name == ledger.RequestEndpoint || strings.HasPrefix(name, ledger.RequestEndpoint+" ")
}

// secretsFault returns a fault of the number of secrets, or "".
func secretsFault(secrets []Secret) string {
	if len(secrets) < 1 || len(secrets) > maxSecrets {
		return fmt.Sprintf("has %d secrets, must have 1 to %d", len(secrets), maxSecrets)
	}
	return ""
}

// Subscribers returns the endpoints that hear of an invocation of a job with these labels.
// callback is the request's own, and may be nil.
//
// Errors: INVALID_ARGUMENT if the callback's URL cannot be one, PERMISSION_DENIED if its host
// is not allowed. Both name callback.url.
func (e *Endpoints) Subscribers(job string, labels map[string]string, callback *runwith.Callback) ([]ledger.Subscriber, error) {
	if e == nil { // of a file with mistakes in its endpoints, which is checked further
		return nil, nil
	}
	var subscribers []ledger.Subscriber
	for _, one := range e.rules.Endpoints {
		if one.hears(job, labels) {
			subscribers = append(subscribers, ledger.Subscriber{Endpoint: one.Name, Events: events(one.Events)})
		}
	}
	if callback == nil {
		return subscribers, nil
	}
	if err := e.checkRequested(callback.URL); err != nil {
		return nil, err
	}
	return append(subscribers, ledger.Subscriber{
		Endpoint: ledger.RequestEndpoint, URL: callback.URL, Events: events(e.rules.Requests.Events),
	}), nil
}

// Hearers returns the endpoints that hear of budgets.
func (e *Endpoints) Hearers() (hearers []ledger.Hearer) {
	if e == nil {
		return nil
	}
	for _, one := range e.rules.Endpoints {
		if slices.Contains(one.Events, ledger.EventBudget) {
			hearers = append(hearers, ledger.Hearer{Endpoint: one.Name, Jobs: one.Jobs, Labels: one.Labels})
		}
	}
	return hearers
}

func events(chosen []ledger.Event) []ledger.Event {
	if len(chosen) == 0 {
		return Ends()
	}
	return slices.Clone(chosen)
}

func (one Endpoint) hears(job string, labels map[string]string) bool {
	if len(one.Jobs) > 0 && !slices.Contains(one.Jobs, job) {
		return false
	}
	for key := range maps.Keys(one.Labels) {
		if value, ok := labels[key]; !ok || value != one.Labels[key] {
			return false
		}
	}
	return true
}

// checkRequested returns why a request may not name this URL.
func (e *Endpoints) checkRequested(text string) error {
	const field = "callback.url"
	if e.rules.Requests == nil {
		return jobspec.FieldErrorf(runwith.PermissionDenied, field, "this server sends no callbacks to URLs of requests: its configuration has no requestCallbacks")
	}
	u, err := e.checker.parseURL(text)
	if err != nil {
		return jobspec.FieldErrorf(runwith.InvalidArgument, field, "%v", err)
	}
	if !e.listed(u) {
		return jobspec.FieldErrorf(runwith.PermissionDenied, field, "host %s is not allowed: it is not in requestCallbacks.hosts of the server's configuration", u.Host)
	}
	return nil
}

// listed reports whether the configuration lists the host and port of a URL.
func (e *Endpoints) listed(u *url.URL) bool {
	host := hostname(u)
	for _, allowed := range e.rules.Requests.Hosts {
		listed := &url.URL{Scheme: "https", Host: allowed}
		if hostname(listed) != host {
			continue
		}
		if e.checker.opened(u) && listed.Port() == "" || u.Scheme == "https" && port(u) == port(listed) {
			return true
		}
	}
	return false
}

// target is where a delivery goes, and what signs it.
type target struct {
	url     string
	secrets []Secret
}

// target returns the target of a delivery, or why it has none any more.
func (e *Endpoints) target(d ledger.Delivery) (target, error) {
	if d.URL == "" {
		one, ok := e.byName[d.Endpoint]
		if !ok {
			return target{}, fmt.Errorf("endpoint %q is no longer in the configuration", d.Endpoint)
		}
		return target{one.URL, one.Secrets}, nil
	}
	if err := e.checkRequested(d.URL); err != nil {
		return target{}, fmt.Errorf("the configuration no longer allows this URL: %w", err)
	}
	return target{d.URL, e.rules.Requests.Secrets}, nil
}
