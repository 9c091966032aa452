package metadata_test

import (
	"net/http"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// unknown matches the random parts of answers, which the comparison ignores.
var unknown = regexp.MustCompile(`runwith-[\w.-]+|[0-9a-f]{64}`)

// TestForms compares the answers with those of Google's server.
func TestForms(t *testing.T) {
	t.Parallel()
	h := handler(t, stopped(config, noon))
	const (
		text = "application/text"
		json = "application/json"

		account = `{"aliases":["default"],"email":"runner@demo.iam.gserviceaccount.com","scopes":["https://www.googleapis.com/auth/cloud-platform"]}`
		project = `{"attributes":{},"numericProjectId":987654321,"projectId":"demo-2"}`
		all     = `{"instance":{"attributes":{},"id":"ID","region":"projects/987654321/regions/europe-west9",` +
			`"serviceAccounts":{"default":` + account + `,"runner@demo.iam.gserviceaccount.com":` + account + `},` +
			`"zone":"projects/987654321/zones/europe-west9-1"},"project":` + project + `,"universe":{"universeDomain":"googleapis.com"}}`
	)
	for _, test := range []struct{ target, mediaType, want string }{
		{"project/project-id?alt=text", text, "demo-2"},
		{"project/project-id?alt=json", json, "\"demo-2\"\n"},
		{"project/project-id?recursive=true", json, "\"demo-2\"\n"},
		{"project/project-id?recursive=true&alt=text", text, "demo-2"},
		{"project/numeric-project-id", text, "987654321"},
		{"project/numeric-project-id?alt=json", json, "987654321\n"},
		{"instance/id?alt=json", json, "\"ID\"\n"},
		{"instance/service-accounts/default/scopes?alt=json", json, "[\"https://www.googleapis.com/auth/cloud-platform\"]\n"},
		{"instance/service-accounts/default/token", json, "{\"access_token\":\"ID\",\"expires_in\":3600,\"token_type\":\"Bearer\"}\n"},
		{"instance/service-accounts/default/token?alt=text", text, "access_token ID\nexpires_in 3600\ntoken_type Bearer\n"},

		{"instance/?alt=json", json, "[\"attributes/\",\"id\",\"region\",\"service-accounts/\",\"zone\"]\n"},
		{"instance/?alt=text", text, "attributes/\nid\nregion\nservice-accounts/\nzone\n"},
		{"instance/attributes/?alt=json", json, "[]\n"},
		{"instance/attributes/?recursive=true", json, "{}\n"},

		// Recursive answers contain neither token nor identity.
		{"instance/service-accounts/default/?recursive=true", json, account + "\n"},
		{"instance/service-accounts/?recursive=true", json, `{"default":` + account + `,"runner@demo.iam.gserviceaccount.com":` + account + "}\n"},
		{"project/?recursive", json, project + "\n"},
		{"?recursive=true", json, all + "\n"},
		{"?recursive=TRUE&alt=json", json, all + "\n"},
		{"instance/?recursive=true&alt=text", text, `id ID
region projects/987654321/regions/europe-west9
service-accounts/default/aliases default
service-accounts/default/email runner@demo.iam.gserviceaccount.com
service-accounts/default/scopes https://www.googleapis.com/auth/cloud-platform
service-accounts/runner@demo.iam.gserviceaccount.com/aliases default
service-accounts/runner@demo.iam.gserviceaccount.com/email runner@demo.iam.gserviceaccount.com
service-accounts/runner@demo.iam.gserviceaccount.com/scopes https://www.googleapis.com/auth/cloud-platform
zone projects/987654321/zones/europe-west9-1
`},
	} {
		w := ask(h, "GET", "/computeMetadata/v1/"+test.target, flavor)
		if got := w.Header().Get("Content-Type"); w.Code != http.StatusOK || got != test.mediaType {
			t.Errorf("GET %s = %d %s, want 200 %s", test.target, w.Code, got, test.mediaType)
		}
		if diff := cmp.Diff(test.want, unknown.ReplaceAllString(w.Body.String(), "ID")); diff != "" {
			t.Errorf("GET %s (-want +got):\n%s", test.target, diff)
		}
	}
}

// FuzzAnswer checks that every request gets an answer, and no server error.
func FuzzAnswer(f *testing.F) {
	for _, target := range []string{
		"instance/?recursive=true&alt=text", "instance/service-accounts/default/identity?audience=x&format=full", "?recursive", "//", "..",
		"instance/service-accounts/default/token?scopes=%zz;alt=json", "project/attributes", "\x00?alt=\xff",
	} {
		f.Add(target)
	}
	h := handler(f, config)
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.NewRequest(http.MethodGet, "http://127.0.0.1/computeMetadata/v1/"+target, nil)
		if err != nil {
			t.Skip(err)
		}
		r.Header.Set("Metadata-Flavor", "Google")
		if w := answer(h, r); w.Code >= 500 {
			t.Errorf("GET %q = %d %s, want no server error", target, w.Code, w.Body)
		}
	})
}
