// Package idtoken gets OIDC identity tokens for a client: from a metadata server, as on Google
// Cloud and in a task of runwith's engine, and from GitHub Actions.
//
// It does not check the tokens; the server that receives them does.
package idtoken

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"
)

// Source returns an identity token for an audience.
type Source func(ctx context.Context, audience string) (string, error)

// renewBefore is how long before its end a token is replaced: the request and a different
// clock need some time.
const renewBefore = time.Minute

// Cached returns a function that returns tokens of a source for one audience. It keeps a
// token until a minute before its end. It may be called concurrently.
func Cached(source Source, audience string) func(context.Context) (string, error) {
	var mu sync.Mutex
	var token string
	var end time.Time
	return func(ctx context.Context) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if time.Until(end) > renewBefore {
			return token, nil
		}
		fresh, err := source(ctx, audience)
		if err != nil {
			return "", err
		}
		token, end = fresh, expiry(fresh)
		return token, nil
	}
}

// expiry returns the end of a token, or the zero time if it cannot be read.
func expiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Expiry float64 `json:"exp"`
	}
	if err != nil || json.Unmarshal(payload, &claims) != nil || claims.Expiry <= 0 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Expiry), 0)
}
