package callback

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// sign sets the headers of an attempt that begins now. Each secret adds a signature, so that
// a receiver accepts the old secret and the new one during a rotation.
func sign(h http.Header, secrets []Secret, id string, now time.Time, payload []byte) {
	timestamp := strconv.FormatInt(now.Unix(), 10)
	content := append([]byte(id+"."+timestamp+"."), payload...)
	signatures := make([]string, len(secrets))
	for i, s := range secrets {
		signatures[i] = s.Signature(content)
	}
	h["Webhook-Id"] = []string{id}
	h["Webhook-Timestamp"] = []string{timestamp}
	h["Webhook-Signature"] = []string{strings.Join(signatures, " ")}
}
