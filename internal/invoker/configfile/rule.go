package configfile

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	"github.com/runwith/runwith/internal/jobspec"
)

// rule is what a text or a whole number must be. The rule of a text has words or a pattern;
// ok decides what a pattern cannot.
type rule struct {
	words   []string
	pattern *regexp.Regexp
	longest int // in characters; 0 is maxText
	ok      func(string) bool
	must    string // follows "must be "
	// least and most bound a whole number, if most is not 0.
	least, most int
	quiet       bool // the value may be a secret in the wrong place
}

// maxText is the length of the longest text, in characters.
const maxText = 4096

// rules are the rules by the name in a field's tag.
func rules() map[string]rule {
	return map[string]rule{
		"verify":       {words: []string{Signatures, CloudRunIAM, IAP}},
		"verb":         {words: []string{"start", "view", "cancel", "values", "operate"}},
		"event":        {words: append(eventNames(), "budget", "budget.reached")},
		"requestEvent": {words: eventNames()},
		"full":         {words: []string{"reject", "queue"}},
		"type":         {words: []string{"string", "integer", "number", "boolean"}},
		"format":       {words: []string{"date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"}},
		"overflow":     {words: []string{"queue", "reject", "replace"}},
		"trigger":      {words: []string{PubSub, CloudEvents, Scheduler, Tasks, Webhook}},
		"preset":       {words: []string{Storage, GitHub, StandardWebhook}},
		"refuse":       {words: []string{Ack, Nack}},
		"encoding":     {words: []string{Hex, Base64}},
		"signed":       {words: []string{SignedBody, SignedIDAndTime}},
		"overlap":      {words: []string{OverlapSkip, OverlapQueue, OverlapReplace, OverlapAllow}},

		"caller":      {pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]*$`), longest: 64, must: "letters, digits and . _ @ -, beginning with a letter or digit"},
		"issuerName":  {pattern: regexp.MustCompile(`^[a-z][a-z0-9-]*$`), longest: 32, must: "lower-case letters, digits and hyphens, beginning with a letter"},
		"job":         {pattern: regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`), longest: 63, must: "a job's name: lower-case letters, digits and hyphens, a letter first, no hyphen last"},
		"parameter":   {pattern: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`), longest: 64, must: "letters, digits, _ and -, beginning with a letter"},
		"variable":    {pattern: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), longest: 256, must: "the name of an environment variable: letters, digits and _, no digit first", quiet: true},
		"jobVariable": {pattern: regexp.MustCompile(`^[ -<>-~]+$`), longest: 256, must: "the name of an environment variable: printable ASCII without =", quiet: true}, // as on Cloud Run
		"claim":       {pattern: regexp.MustCompile(`^[A-Za-z0-9_.:/-]+$`), longest: 128, must: "the name of a claim"},
		"label":       {pattern: regexp.MustCompile(`^[a-z][a-z0-9_.-]*$`), longest: 63, must: "lower-case letters, digits and _ . -, beginning with a letter"},
		"oneLabel":    {pattern: regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,62}(=\P{Cc}{0,128})?$`), longest: 192, must: "the name of a label, or NAME=VALUE"},
		"labelValue":  {pattern: regexp.MustCompile(`^\P{Cc}*$`), longest: 128, must: "text without control characters"},
		"schedule":    {pattern: regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`), longest: 63, must: "lower-case letters, digits and hyphens, a letter first, no hyphen last"},
		"keyID":       {pattern: regexp.MustCompile(`^[A-Za-z0-9]+$`), longest: 32, must: "the ID of a key: letters and digits", quiet: true},
		"sha256":      {pattern: regexp.MustCompile(`^[0-9a-f]{64}$`), must: "64 hexadecimal digits in lower case; never write the key itself here", quiet: true},
		"triggerName": {pattern: regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`), longest: 63, must: "a trigger's name: lower-case letters, digits and hyphens, a letter first, no hyphen last"},
		"header":      {pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]*$`), longest: 100, must: "the name of a header"},
		"pointer":     {pattern: regexp.MustCompile(`^(/([^~/\x00-\x1f\x7f]|~[01])*)+$`), longest: 500, must: "a JSON Pointer (RFC 6901), such as /message/attributes/name; ~ is written ~0, and / inside a name ~1"},
		"region":      {pattern: regexp.MustCompile(`^[a-z][a-z0-9-]*$`), longest: 63, must: "a region, such as us-central1"},
		"gpu":         {pattern: regexp.MustCompile(`^[a-z][a-z0-9-]*$`), longest: 63, must: "a type of GPU, such as nvidia-l4"},
		"endpoint":    {pattern: regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`), longest: 64, must: "letters, digits and . _ -, beginning with a letter or digit"},

		"cron":     {pattern: regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`), longest: 500, must: "five fields such as 0 2 * * *, or a macro such as @daily"},
		"zone":     {pattern: regexp.MustCompile(`^[A-Za-z0-9+_/-]+$`), longest: 64, must: "an IANA zone, such as Europe/Berlin or UTC"},
		"text":     {pattern: regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`), longest: 1024, must: "text in one line"},
		"line":     {pattern: regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`), longest: 200, must: "text in one line"},
		"prose":    {pattern: regexp.MustCompile(`^[^\x00-\x08\x0b-\x1f\x7f]+$`), longest: maxText, must: "text without control characters"},
		"path":     {pattern: regexp.MustCompile(`^[^\x00-\x1f\x7f]+$`), longest: 1024, must: "a path", quiet: true},
		"template": {pattern: regexp.MustCompile(`^[^\x00]*$`), must: "text without NUL"},
		"pattern":  {pattern: regexp.MustCompile(`^[^\x00]+$`), longest: 500, ok: isPattern, must: "a regular expression (RE2 syntax)"},

		"url":      {pattern: regexp.MustCompile(`^https?://[^\s]+$`), longest: 2000, ok: isURL, must: "an https URL without user and fragment (http only for this machine)", quiet: true},
		"hook":     {pattern: regexp.MustCompile(`^https?://[^\s@#]+$`), longest: 2000, must: "an https URL without user and fragment", quiet: true},
		"issuer":   {pattern: regexp.MustCompile(`^[^\s]+$`), longest: 2000, must: "google, github, iap, a name below issuers, or an https URL", quiet: true},
		"host":     {pattern: regexp.MustCompile(`^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$`), longest: 260, must: "a host in lower case, with a port if it is not 443", quiet: true},
		"cloudRun": {pattern: regexp.MustCompile(`^[a-z0-9:./-]+$`), ok: isCloudRun, must: "a job's ID, or projects/PROJECT/locations/REGION/jobs/JOB"},

		"count":   {least: 0, most: maxText, must: "a whole number from 0 to 4096"},
		"tasks":   {least: 1, most: 10_000, must: "a whole number from 1 to 10000"},
		"limit":   {least: 1, most: 1_000_000, must: "a whole number from 1 to 1000000"},
		"seconds": {pattern: regexp.MustCompile(`^([0-9]+[hms])+$`), must: "a time in whole seconds, such as 600s or 1h"},
	}
}

// eventNames are the events, short and long.
func eventNames() (names []string) {
	for _, short := range []string{"started", "succeeded", "failed", "cancelled", "refused", "unresolved"} {
		names = append(names, short, "invocation."+short)
	}
	return names
}

func isPattern(text string) bool {
	_, err := regexp.Compile(text)
	return err == nil
}

func isCloudRun(text string) bool {
	if !strings.Contains(text, "/") {
		return jobspec.ValidateJobID(text) == nil
	}
	_, err := jobspec.ParseJob(text)
	return err == nil
}

// isURL reports whether a text is an address that a server may call: https, or http on this
// machine.
func isURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" {
		return false
	}
	if u.Scheme == "https" {
		return true
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && address.IsLoopback())
}
