package cloudrun

import (
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/runwith/runwith"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	token := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "secret"})
	for name, test := range map[string]struct {
		config Config
		want   []string // parts of the message; none: no error
	}{
		"Google's":                        {config: Config{Project: "demo", Region: "us-east4"}},
		"Google's with a token":           {config: Config{Project: "demo", Region: "us-east4", Token: token}},
		"loopback":                        {config: Config{Project: "demo", Region: "us-east4", Endpoint: "http://127.0.0.1:8080"}},
		"loopback with a token":           {config: Config{Project: "demo", Region: "us-east4", Endpoint: "http://[::1]:8080/", Token: token}},
		"localhost":                       {config: Config{Project: "demo", Region: "us-east4", Endpoint: "http://localhost"}},
		"nothing":                         {Config{}, []string{"project: is required", "region: is required"}},
		"all at once":                     {Config{Endpoint: "ftp://x"}, []string{"project: ", "region: ", "endpoint: must be http://HOST:PORT"}},
		"bad project":                     {Config{Project: "a/b", Region: "us-east4"}, []string{"a/b"}},
		"TLS":                             {Config{Project: "demo", Region: "us-east4", Endpoint: "https://run.example.com"}, []string{"endpoint: must be http://HOST:PORT"}},
		"path":                            {Config{Project: "demo", Region: "us-east4", Endpoint: "http://127.0.0.1/v2"}, []string{"endpoint: must be"}},
		"another machine":                 {Config{Project: "demo", Region: "us-east4", Endpoint: "http://10.0.0.1:8080"}, []string{"10.0.0.1:8080 is not this machine: plain HTTP"}},
		"another machine that is allowed": {config: Config{Project: "demo", Region: "us-east4", Endpoint: "http://engine:8080", AllowPlainHTTP: true}},
		"a token to an allowed one": {Config{Project: "demo", Region: "us-east4", Endpoint: "http://engine:8080", AllowPlainHTTP: true, Token: token},
			[]string{"no credential goes over plain HTTP except to loopback"}},
		"a token to another": {Config{Project: "demo", Region: "us-east4", Endpoint: "http://10.0.0.1:8080", Token: token},
			[]string{"no credential goes over plain HTTP except to loopback"}},
		"a name like loopback": {Config{Project: "demo", Region: "us-east4", Endpoint: "http://127.0.0.1.example.com:80"}, []string{"is not this machine"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := test.config.Validate()
			if len(test.want) == 0 && err != nil {
				t.Fatalf("Validate() = %v, want nil", err)
			}
			for _, part := range test.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("Validate() = %v, want %q in it", err, part)
				}
			}
			if err != nil && runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Errorf("CodeOf(%v) = %v, want %v", err, runwith.CodeOf(err), runwith.InvalidArgument)
			}
		})
	}
}

func TestDialRefusesBadConfig(t *testing.T) {
	t.Parallel()
	if _, err := Dial(t.Context(), Config{}); runwith.CodeOf(err) != runwith.InvalidArgument {
		t.Errorf("Dial(Config{}) = %v, want INVALID_ARGUMENT", err)
	}
}
