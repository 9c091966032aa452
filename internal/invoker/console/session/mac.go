package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/runwith/runwith/internal/invoker/auth"
)

// session is what a session's cookie says.
type session struct {
	Key    string    `json:"key"` // ID of the API key
	Caller string    `json:"caller"`
	Print  string    `json:"print"` // of the API key
	Ends   time.Time `json:"ends"`
}

// maxCookie limits a cookie before anything is read of it, in bytes.
const maxCookie = 2 << 10

// write returns the text of a session: its JSON, a dot, and the MAC.
func (v *Visitors) write(s session) string {
	content, err := json.Marshal(s)
	if err != nil {
		panic("marshal session: " + err.Error()) // cannot happen: it is a plain struct
	}
	text := base64.RawURLEncoding.EncodeToString(content)
	return text + "." + v.mac("session", text)
}

// read returns the session of a cookie, unless this server has not made it, it has ended, or
// its key is gone.
func (v *Visitors) read(text string) (s session, ok bool) {
	if len(text) > maxCookie {
		return s, false
	}
	content, mac, _ := strings.Cut(text, ".")
	if !hmac.Equal([]byte(mac), []byte(v.mac("session", content))) {
		return s, false
	}
	data, err := base64.RawURLEncoding.DecodeString(content)
	if err != nil || json.Unmarshal(data, &s) != nil {
		return s, false
	}
	return s, v.Now().Before(s.Ends) && v.Callers.Lives(auth.Key{ID: s.Key, Caller: s.Caller, Print: s.Print})
}

// mac proves that this server has made a text. Its purpose keeps one kind of text from passing as
// another.
func (v *Visitors) mac(purpose, text string) string {
	h := hmac.New(sha256.New, v.Secret)
	h.Write([]byte(purpose + "\x00" + text))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}
