package api

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/apierror"
)

// newDocument returns an empty OpenAPI document whose operations the server's mux serves.
// It disables huma's own routes (documentation from a CDN, schemas, YAML) and $schema
// properties.
func (s *server) newDocument() huma.API {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[apierror.Problem]())
	schemas.RegisterTypeAlias(reflect.TypeFor[runwith.Request](), reflect.TypeFor[startRequest]())
	schemas.RegisterTypeAlias(reflect.TypeFor[runwith.Overrides](), reflect.TypeFor[overridesRequest]())
	schemas.RegisterTypeAlias(reflect.TypeFor[json.Number](), reflect.TypeFor[float64]())
	s.schemas = schemas
	document := huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title:       "runwith",
				Description: "Starts Cloud Run jobs with runtime overrides and tells how they end.",
				Version:     s.version,
			},
			Components: &huma.Components{Schemas: schemas, SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer": {Type: "http", Scheme: "bearer", Description: "An API key, or an OIDC ID token of a configured issuer."},
			}},
			// The second, empty one is for servers that know no callers.
			Security: []map[string][]string{{"bearer": {}}, {}},
		},
		Formats:                      map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{translateError},
	}, customMethods{humago.NewAdapter(s.mux, ""), s})
	document.UseMiddleware(withStatus, s.oneValue)
	return document
}

// serveDocument serves the complete document. It is marshalled for the first request: that
// takes a tenth of a start, and 0.7 MiB.
func (s *server) serveDocument(d huma.API) {
	content := sync.OnceValue(func() []byte {
		content, err := json.Marshal(d.OpenAPI())
		if err != nil {
			panic("marshal OpenAPI document: " + err.Error()) // cannot happen: it consists of constants
		}
		return content
	})
	s.mux.HandleFunc("GET "+prefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(content()) // the caller may have left
	})
}

// jsonFormat reads and writes bodies for huma. In huma.Config, the name json stands for
// media types that end in +json.
var jsonFormat = huma.Format{Marshal: writeJSON, Unmarshal: readJSON}

// writeJSON returns an error only if v cannot be encoded. It ignores failed writes, because
// huma would panic and the caller has left anyway.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, _ = w.Write(b.Bytes())
	return nil
}

// description folds the lines of a description into one paragraph.
func description(s string) string { return strings.Join(strings.Fields(s), " ") }
