package runwith

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// DefaultServer is the default address of `runwith up` and `runwith serve`.
const DefaultServer = "http://127.0.0.1:8080"

// maxAnswer is the largest JSON answer that is read, in bytes.
const maxAnswer = 32 << 20

// request describes one call of the API.
type request struct {
	method string // "": GET
	path   string // below /api/v1/, escaped
	query  url.Values
	prefer string
	accept string // "": JSON
	key    string // Idempotency-Key; "": none
	body   []byte // nil: none
}

// send returns a response with a 2xx status, whose body the caller must close, or an
// [*Error].
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	server := cmp.Or(c.Server, DefaultServer)
	hr, err := r.http(ctx, server)
	if err != nil {
		return nil, err
	}
	client, err := c.authorize(hr)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(hr)
	if err != nil {
		return nil, unsent(ctx, hr, server, err)
	}
	if response.StatusCode/100 != 2 {
		defer response.Body.Close()
		return nil, problemError(response, server)
	}
	return response, nil
}

// http returns the HTTP request for r.
func (r request) http(ctx context.Context, server string) (*http.Request, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, Errorf(InvalidArgument, "server %q: must be a URL such as %s", server, DefaultServer)
	}
	target := strings.TrimRight(server, "/") + "/api/v1/" + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	hr, err := http.NewRequestWithContext(ctx, cmp.Or(r.method, http.MethodGet), target, bytes.NewReader(r.body))
	if err != nil {
		return nil, &Error{Code: InvalidArgument, Message: "request to " + server + " cannot be made", Err: err}
	}
	hr.Header.Set("Accept", cmp.Or(r.accept, "application/json"))
	if r.body != nil {
		hr.Header.Set("Content-Type", "application/json")
	}
	if r.prefer != "" {
		hr.Header.Set("Prefer", r.prefer)
	}
	if r.key != "" {
		hr.Header.Set("Idempotency-Key", quote(r.key))
	}
	return hr, nil
}

// quote returns text as a string of HTTP structured fields.
// See https://www.rfc-editor.org/rfc/rfc9651#name-serializing-a-string.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// decode reads a JSON answer and closes its body. It passes err through.
func decode[T any](response *http.Response, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, broken(response.Request, err)
	}
	if len(data) > maxAnswer {
		return nil, Errorf(DataLoss, "the answer of %s is larger than %d bytes", response.Request.URL.Host, maxAnswer)
	}
	v := new(T)
	if err := json.Unmarshal(data, v); err != nil {
		return nil, &Error{
			Code:    Unimplemented,
			Message: fmt.Sprintf("%s did not answer with JSON: is it a runwith invoker?", response.Request.URL.Host),
			Err:     err,
		}
	}
	return v, nil
}

// escape returns the path of a collection's member. It refuses names that a URL's
// path cannot represent.
func escape(collection, field, name string) (string, error) {
	switch name {
	case "", ".", "..":
		return "", Errorf(InvalidArgument, "%s %q: must be a name", field, name)
	}
	return collection + "/" + url.PathEscape(name), nil
}
