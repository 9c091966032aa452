package configfile

import (
	"fmt"
	"log/slog"
	"strings"
)

// Secret refers to a secret outside the file: in a file or in an environment variable.
// Nothing but [Secret.Value] shows the secret itself.
type Secret struct {
	File string `yaml:"file" rule:"path" doc:"File with the secret. A relative path starts at the folder of this file."`
	Env  string `yaml:"env" rule:"variable" doc:"Environment variable of the server with the secret."`

	value string
}

// Resolver returns the secret that a reference leads to. Its error says why there is none;
// it must not repeat the reference, in case somebody wrote the secret itself there.
type Resolver func(Secret) (string, error)

// MaxSecret is the length of the longest secret, in bytes.
const MaxSecret = 16 << 10

// Value returns the secret. It is empty if [Read] had no resolver.
func (s Secret) Value() string { return s.value }

// Format writes only how the secret is referred to, whatever the verb.
func (s Secret) Format(w fmt.State, _ rune) {
	if s.Env != "" {
		_, _ = fmt.Fprint(w, "secret of a variable")
		return
	}
	_, _ = fmt.Fprint(w, "secret of a file")
}

// LogValue keeps the secret out of logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// MarshalJSON keeps the secret out of JSON.
func (s Secret) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, "%q", fmt.Sprint(s)), nil }

// resolved returns the reference with its secret. A file's last line break is no part of it.
func (s Secret) resolved(resolve Resolver) (Secret, error) {
	value, err := resolve(s)
	if err != nil {
		return s, err
	}
	if s.File != "" {
		value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
	}
	switch {
	case value == "":
		return s, fmt.Errorf("the secret is empty")
	case len(value) > MaxSecret:
		return s, fmt.Errorf("the secret is longer than %d bytes", MaxSecret)
	case strings.ContainsAny(value, "\x00\n\r"):
		return s, fmt.Errorf("the secret has more than one line")
	}
	s.value = value
	return s, nil
}
