package configfile

import "cmp"

// File is the content of runwith.yaml. A File is immutable once it is read.
//
// The tags of a field are its name, its description (doc), the rule for its value (rule) or
// for the names of its entries (keys), how many entries it may have (most), and whether it
// is required.
type File struct {
	// Verify is who verifies tokens; empty is Signatures.
	Verify string `yaml:"verify" rule:"verify" doc:"Who verifies identity tokens: signatures (this server, the default), cloud-run-iam (Cloud Run's own check, which removes the signatures; only for a service that nobody can reach without that check), or iap (this server, which also takes the signed header of Google's Identity-Aware Proxy; its callers have the issuer iap)."`
	// Issuers are issuers of tokens by short name. [File.Issuer] looks one up.
	Issuers map[string]string `yaml:"issuers" keys:"issuerName" rule:"url" most:"20" doc:"Issuers of tokens by a short name, which oidc.issuer can use. google, github and iap are built in."`
	// Callers are the configured principals by name.
	Callers map[string]Caller `yaml:"callers" keys:"caller" most:"1000" doc:"Who may call the server, by name. A caller's invocations and idempotency keys belong to its name, so changing its keys changes nothing else."`
	// Jobs are the jobs that callers can see, by the name that callers use.
	Jobs map[string]Job `yaml:"jobs" keys:"job" most:"1000" doc:"The jobs that callers can start, by the name that callers use. A job that is not listed does not exist for callers."`
	// Schedules start jobs by the clock, by name.
	Schedules map[string]Schedule `yaml:"schedules" keys:"schedule" most:"10000" doc:"What starts a job by the clock, by name."`
	// Triggers start jobs for events of other systems, by name.
	Triggers map[string]Trigger `yaml:"triggers" keys:"triggerName" most:"1000" doc:"What starts a job for the events of another system, by name. POST /api/v1/triggers/NAME receives the events of one."`
	// Budgets limit what invocations use in a month.
	Budgets []Budget `yaml:"budgets" most:"100" doc:"How much invocations may use in a month (UTC), by estimate. Their worst case is reserved before they start."`
	// Callbacks are the endpoints that hear of invocations.
	Callbacks []Callback `yaml:"callbacks" most:"100" doc:"Endpoints that receive events about invocations."`
	// RequestCallbacks is the rule for endpoints that a request names; nil allows none.
	RequestCallbacks *RequestCallbacks `yaml:"requestCallbacks" doc:"Which URLs a request may name for its own events. Without it, none."`

	places places
}

// Values of File.Verify.
const (
	Signatures  = "signatures"
	CloudRunIAM = "cloud-run-iam"
	IAP         = "iap"
)

// Anonymous is the name in grants for requests without a credential. No caller has it.
const Anonymous = "anonymous"

// Caller is a configured principal.
type Caller struct {
	APIKeys []APIKey   `yaml:"apiKeys" most:"10" doc:"The caller's API keys; at most two that have not expired, so that you can replace one without a pause. runwith keys new CALLER makes one. With [] and without oidc, nobody is this caller."`
	OIDC    List[OIDC] `yaml:"oidc" most:"10" doc:"The identity tokens of this caller: one description, or a list."`
	Grants  []string   `yaml:"grants" rule:"verb" most:"5" doc:"What the caller may do with every job of this file."`
	Rate    Rate       `yaml:"rate" doc:"Accepted requests of this caller, such as 60/min. More are refused (429)."`
}

// APIKey is what the file has of an API key: not the key itself.
type APIKey struct {
	ID      string `yaml:"id" rule:"keyID" required:"true" doc:"The ID of the key, which is its second part."`
	SHA256  string `yaml:"sha256" rule:"sha256" required:"true" doc:"SHA-256 of the whole key, in hexadecimal."`
	Expires Time   `yaml:"expires" doc:"When the key expires: a date (its beginning, in UTC), or a time (RFC 3339). Without it, never."`
}

// OIDC describes the identity tokens of a caller.
type OIDC struct {
	Issuer   string            `yaml:"issuer" rule:"issuer" required:"true" doc:"Who issues the tokens: google, github, iap, a name below issuers, or a URL."`
	Subject  string            `yaml:"subject" rule:"text" doc:"The token's sub. For Google that is the account's numeric ID."`
	Claims   map[string]string `yaml:"claims" keys:"claim" rule:"text" most:"20" doc:"Claims that the token must have, with these values. Choose ones that cannot change, such as repository_id."`
	Audience List[string]      `yaml:"audience" rule:"text" required:"true" most:"20" doc:"Accepted audiences (aud): one, or a list."`
}

// Issuer returns the URL of an issuer by the name in [OIDC.Issuer].
func (f *File) Issuer(name string) string {
	if url, listed := f.Issuers[name]; listed {
		return url
	}
	return cmp.Or(builtInIssuer(name), name)
}

// builtInIssuer returns the URL of an issuer that every file has, and "" for another name.
func builtInIssuer(name string) string {
	switch name {
	case "google":
		return "https://accounts.google.com"
	case "github":
		return "https://token.actions.githubusercontent.com"
	case "iap":
		return "https://cloud.google.com/iap"
	}
	return ""
}

// Callback is an endpoint that hears of invocations.
type Callback struct {
	Name   string            `yaml:"name" rule:"endpoint" doc:"The endpoint's name in deliveries; by default its URL without the query."`
	URL    string            `yaml:"url" rule:"hook" required:"true" doc:"Where the events are sent."`
	Secret List[Secret]      `yaml:"secret" required:"true" most:"5" doc:"The secret that signs deliveries: one, or a list while you replace one."`
	Events []string          `yaml:"events" rule:"event" most:"7" doc:"The events to send: started, succeeded, failed, cancelled, refused, unresolved, budget; or by their full names, such as invocation.started and budget.reached. By default all but started and budget."`
	Jobs   []string          `yaml:"jobs" rule:"job" most:"1000" doc:"Only events of these jobs, and of budgets of these jobs. By default of all."`
	Labels map[string]string `yaml:"labels" keys:"label" rule:"labelValue" most:"16" doc:"Only events of invocations with these labels, and of budgets of one of these labels."`
}

// RequestCallbacks is the rule for endpoints that a request names.
type RequestCallbacks struct {
	Hosts  []string     `yaml:"hosts" rule:"host" required:"true" most:"100" doc:"Hosts that the URL may have, exactly; with a port if it is not 443."`
	Secret List[Secret] `yaml:"secret" required:"true" most:"5" doc:"The secret that signs these deliveries: one, or a list while you replace one."`
	Events []string     `yaml:"events" rule:"requestEvent" most:"6" doc:"The events to send. By default all but started."`
}
