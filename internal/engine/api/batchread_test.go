package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/runwith/runwith"
)

// FuzzReadBatch checks that a batch is a list of calls, or an error of the caller's, and
// that no call leads out of the server.
func FuzzReadBatch(f *testing.F) {
	const head = "--x\r\nContent-Type: application/http\r\nContent-ID: <1>\r\n\r\n"
	for _, body := range []string{
		"", "--x--", head + "GET /v2/a\r\n--x--", head + "POST /v2/a:run HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}\r\n--x--",
		head + "GET http://a/ HTTP/1.1\r\n\r\n--x--", head + "GET //a/b\n--x--", head + "POST /batch\r\n--x--", head + "GET /%2e%2e/ HTTP/1.1\r\n a: b\r\n--x--",
		strings.Repeat(head+"GET /\r\n", 3) + "--x--",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		outer := httptest.NewRequest("POST", "http://localhost/batch", strings.NewReader(string(body)))
		outer.Header.Set("Content-Type", "multipart/mixed; boundary=x")
		calls, err := readBatch(outer)
		if err != nil {
			if runwith.CodeOf(err) != runwith.InvalidArgument {
				t.Fatalf("readBatch(%q) = %v, want INVALID_ARGUMENT", body, err)
			}
			return
		}
		for _, c := range calls {
			if c.request.URL.Host != "" || c.request.Host != outer.Host || isBatch(c.request) {
				t.Errorf("readBatch(%q) has the call %+v, want one of this server's", body, c.request)
			}
			answer := httptest.NewRecorder()
			(&router{}).ServeHTTP(answer, c.request)
			if _, err := io.ReadAll(c.request.Body); err != nil || answer.Code == http.StatusOK {
				t.Errorf("a router without routes answers %d, %v", answer.Code, err)
			}
		}
	})
}
