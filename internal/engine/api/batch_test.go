package api_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

// send sends a REST request with headers, and returns the answer.
func (s *server) send(t *testing.T, method, path string, header http.Header, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res := exchange(t, req)
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

// exchange sends a request and returns the answer.
func exchange(t *testing.T, req *http.Request) *http.Response {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return res
}

// sendBatch sends a batch to the address of a server.
func sendBatch(t *testing.T, to string, header http.Header, body string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", to, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	return exchange(t, req)
}

var batchHeader = http.Header{"Content-Type": {"multipart/mixed; boundary=x"}}

// part is a part of a batch.
func part(id, call string) string {
	return "--x\r\nContent-Type: application/http\r\nContent-ID: " + id + "\r\nContent-Transfer-Encoding: binary\r\n\r\n" + call + "\r\n"
}

// batchAnswers are the statuses and bodies of a batch's answer by the IDs of its parts.
func batchAnswers(t *testing.T, res *http.Response) map[string]string {
	t.Helper()
	mediaType, parameters, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || mediaType != "multipart/mixed" || res.StatusCode != 200 {
		raw, _ := io.ReadAll(res.Body)
		t.Fatalf("answer = %d %s %s, want a multipart/mixed", res.StatusCode, mediaType, raw)
	}
	answers := map[string]string{}
	parts := multipart.NewReader(res.Body, parameters["boundary"])
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return answers
		}
		if err != nil {
			t.Fatal(err)
		}
		inner, err := http.ReadResponse(bufio.NewReader(p), nil)
		if err != nil || p.Header.Get("Content-Type") != "application/http" {
			t.Fatalf("part %v: %v, want a response", p.Header, err)
		}
		raw, err := io.ReadAll(inner.Body)
		if err != nil {
			t.Fatal(err)
		}
		answers[p.Header.Get("Content-Id")] = fmt.Sprint(inner.StatusCode, " ", string(raw))
	}
}

func TestBatch(t *testing.T) {
	t.Parallel()
	s := withHello(t)
	const v1 = "/apis/run.googleapis.com/v1/namespaces/demo/"
	body := part("<1>", "GET /v2/"+hello+"?fields=name&prettyPrint=false HTTP/1.1\r\n\r\n") +
		part("<id + 2>", "GET /v2/"+parent+"/jobs/none") + // without a version, as in Google's documentation
		part("3", "POST /v2/"+hello+":run HTTP/1.1\nContent-Type: application/json\nContent-Length: 2\n\n{}") +
		part("<4>", "GET "+v1+"jobs/hello?fields=kind&prettyPrint=false HTTP/1.1\r\nAccept: application/json\r\n\r\n") +
		part("<5>", "POST /v2/"+hello+":run HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n{}") +
		part("<6>", "POST /v2/"+parent+"/jobs HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nX-HTTP-Method-Override: GET\r\n\r\nfields=jobs/uid") +
		"--x--"
	for _, path := range []string{"/batch", "/batch/run/v2"} {
		answers := batchAnswers(t, sendBatch(t, s.url+path, batchHeader, body))
		for id, want := range map[string]string{
			"<response-1>":      "200 {\"name\":\"" + hello + "\"}\n",
			"<response-id + 2>": "404 {",
			"response-3":        "200 {\n  \"name\": \"projects/demo/locations/us-east4/operations/",
			"<response-4>":      "200 {\"kind\":\"Job\"}\n",
			"<response-5>":      "415 {",
			"<response-6>":      "200 {\n  \"jobs\": [",
		} {
			if got := answers[id]; !strings.HasPrefix(got, want) {
				t.Errorf("%s: answer %s = %q, want %q", path, id, got, want)
			}
		}
		if len(answers) != 6 {
			t.Errorf("%s: %d answers, want 6", path, len(answers))
		}
	}
}

// A malformed batch runs none of its calls.
func TestMalformedBatch(t *testing.T) {
	t.Parallel()
	s := withHello(t)
	first := part("<1>", "DELETE /v2/"+hello+" HTTP/1.1\r\n\r\n")
	for _, test := range []struct {
		name, method, path, contentType, body string
		status                                int
		says                                  string
	}{
		{"no POST", "PUT", "/batch", "multipart/mixed; boundary=x", first + "--x--", 400, "with POST, not with PUT"},
		{"no boundary", "POST", "/batch", "multipart/mixed", first + "--x--", 415, "multipart/mixed, with a boundary"},
		{"JSON", "POST", "/batch", "application/json", "{}", 415, "multipart/mixed"},
		{"no parts", "POST", "/batch", "multipart/mixed; boundary=x", "--x--", 400, "part 1"},
		{"no end", "POST", "/batch", "multipart/mixed; boundary=x", first, 400, "unexpected EOF"},
		{"part of another type", "POST", "/batch", "multipart/mixed; boundary=x", first + "--x\r\nContent-Type: text/plain\r\n\r\nGET /\r\n--x--", 400, "part 2: Content-Type"},
		{"no request line", "POST", "/batch", "multipart/mixed; boundary=x", first + part("2", "") + "--x--", 400, "part 2"},
		{"half a request line", "POST", "/batch", "multipart/mixed; boundary=x", first + part("2", "GET") + "--x--", 400, `part 2: \"GET\" is no request line`},
		{"another host", "POST", "/batch", "multipart/mixed; boundary=x", first + part("2", "GET http://evil.example/ HTTP/1.1") + "--x--", 400, "must be a path"},
		{"too long a length", "POST", "/batch", "multipart/mixed; boundary=x", first + part("2", "GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\n") + "--x--", 400, "Content-Length"},
		{"a compressed call", "POST", "/batch", "multipart/mixed; boundary=x", first + part("2", "POST / HTTP/1.1\r\nContent-Encoding: gzip\r\n\r\nx") + "--x--", 400, "compress the batch"},
		{"a batch in a batch", "POST", "/batch", "multipart/mixed; boundary=x", first + part("2", "POST /batch HTTP/1.1\r\n\r\n") + "--x--", 400, "cannot be in a batch"},
		{"a mask of the batch", "POST", "/batch?fields=name", "multipart/mixed; boundary=x", first + "--x--", 400, "fields: send it with each call"},
		{"a parameter of the batch", "POST", "/batch?pageSize=1", "multipart/mixed; boundary=x", first + "--x--", 400, "pageSize: is no parameter"},
		{"too many calls", "POST", "/batch", "multipart/mixed; boundary=x", strings.Repeat(part("", "GET /"), 1001) + "--x--", 400, "at most 1000 calls"},
	} {
		status, answer := s.send(t, test.method, test.path, http.Header{"Content-Type": {test.contentType}}, test.body)
		if status != test.status || !strings.Contains(answer, test.says) {
			t.Errorf("%s = %d %s, want %d that says %q", test.name, status, answer, test.status, test.says)
		}
	}
	if status, answer := s.call(t, "GET", "/v2/"+hello, ""); status != 200 {
		t.Errorf("the job after malformed batches = %d %s, want it there", status, answer)
	}
}

// The calls of a batch have its token, or their own.
func TestBatchTokens(t *testing.T) {
	t.Parallel()
	c := serveCallers(t)
	get := func(header string) string {
		return part("1", "GET /v2/"+parent+"/jobs HTTP/1.1\r\n"+header+"\r\n") + "--x--"
	}
	header := func(token string) http.Header {
		h := batchHeader.Clone()
		if token != "" {
			h.Set("Authorization", "Bearer "+token)
		}
		return h
	}
	if res := sendBatch(t, "http://"+c.addr+"/batch", header(""), get("Authorization: Bearer "+c.token+"\r\n")); res.StatusCode != 401 {
		t.Errorf("a batch without a token = %d, want 401", res.StatusCode)
	}
	for own, want := range map[string]string{"": "200", "Authorization: Bearer wrong\r\n": "401", "Authorization: Bearer " + c.token + "\r\n": "200"} {
		answers := batchAnswers(t, sendBatch(t, "http://"+c.addr+"/batch", header(c.token), get(own)))
		if got := answers["response-1"]; !strings.HasPrefix(got, want) {
			t.Errorf("a call with the header %.25q = %s, want %s", own, got, want)
		}
	}
}
