package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/runwith/runwith"
)

// leeway is how far an issuer's clock may be ahead of this machine's. exp has no leeway.
const leeway = 5 * time.Minute

// claims are the claims of a token, whose names are case-sensitive.
type claims map[string]any

// readClaims reads the payload of a token. A second spelling of a registered claim is
// refused: readers that ignore case would take it for the claim itself.
func readClaims(payload []byte) (claims, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var c claims
	if err := decoder.Decode(&c); err != nil || decoder.More() {
		return nil, errors.New("its claims are not a JSON object")
	}
	for name := range c {
		if lower := strings.ToLower(name); name != lower && slices.Contains([]string{"iss", "sub", "aud", "exp", "nbf", "iat"}, lower) {
			return nil, fmt.Errorf("its claim %s must be written %s", quote(name), lower)
		}
	}
	return c, nil
}

// text returns a claim as text: that of a string, a number or a boolean. Others have none.
func (c claims) text(name string) (string, bool) {
	switch v := c[name].(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}

// word returns a claim that must be a string, or "".
func (c claims) word(name string) string {
	s, _ := c[name].(string)
	return s
}

// audiences returns the claim aud, which is a string or a list.
func (c claims) audiences() (all []string) {
	switch v := c["aud"].(type) {
	case string:
		return []string{v}
	case []any:
		for _, one := range v {
			if s, ok := one.(string); ok {
				all = append(all, s)
			}
		}
	}
	return all
}

// time returns a claim that is a number of seconds since 1970.
func (c claims) time(name string) (time.Time, bool) {
	n, ok := c[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(n.String(), 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// checkTimes returns why a token is not valid at a time, or nil.
func (c claims) checkTimes(now time.Time) *refusal {
	end, ok := c.time("exp")
	if !ok {
		return refuse(reasonExpired, runwith.Unauthenticated, "the ID token has no end (exp)")
	}
	if !now.Before(end) {
		return refuse(reasonExpired, runwith.Unauthenticated, "the ID token expired at %s: get a new one", end.UTC().Format(time.RFC3339))
	}
	for _, name := range []string{"nbf", "iat"} {
		begin, ok := c.time(name)
		if _, present := c[name]; present && !ok || ok && begin.After(now.Add(leeway)) {
			return refuse(reasonNotYetValid, runwith.Unauthenticated,
				"the ID token is not valid yet (%s): compare the clocks of the issuer and of this server", name)
		}
	}
	return nil
}
