package auth_test

import (
	"net/http/httptest"
	"testing"

	"github.com/runwith/runwith/internal/invoker/auth"
)

// The cost of a request's authentication by a key, by a token that was seen before, and by a
// new token.
func BenchmarkAuthenticate(b *testing.B) {
	c := newClock()
	t := &testing.T{}
	signing := rsaSigner(t, "k1", 2048)
	i := &issuer{keysPath: "/keys"}
	server := httptest.NewServer(i)
	b.Cleanup(server.Close)
	i.Server = server
	i.publish(signing)
	key := auth.NewKey()
	id, _ := auth.KeyID(key)
	a := auth.New(auth.Config{Now: c.Now})
	err := a.Use(file(t, oneCaller+"  docs-api: {apiKeys: [{id: %s, sha256: %s}]}\n", i.URL, id, auth.HashKey(key)), nil)
	if err != nil {
		b.Fatal(err)
	}
	token := signing.sign(t, c.claims(i.URL))
	for name, credential := range map[string]string{"key": key, "token": token} {
		b.Run(name, func(b *testing.B) {
			r := bearer(credential)
			for b.Loop() {
				if _, err := a.Authenticate(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("new token", func(b *testing.B) {
		tokens := make([]string, 5000)
		for n := range tokens {
			tokens[n] = signing.sign(t, with(c.claims(i.URL), map[string]any{"jti": n}))
		}
		n := 0
		for b.Loop() {
			n++
			if _, err := a.Authenticate(bearer(tokens[n%len(tokens)])); err != nil {
				b.Fatal(err)
			}
		}
	})
}
