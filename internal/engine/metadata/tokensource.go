package metadata

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	fetchTimeout = 10 * time.Second
	// renewBefore is shorter than tokenMargin, so that the server has a new token by then.
	renewBefore  = time.Minute
	maxTokenSize = 64 << 10
)

// NewTokenSource returns a source of access tokens from the metadata server at host, a
// loopback address or localhost with a port; any other host is an error. It ignores the
// environment, and returns only tokens of a runwith metadata server, so it can never
// return a developer's own credentials.
//
// The source caches a token until shortly before its expiry. It is safe for concurrent
// use. A nil client means a client with a timeout of 10 s.
func NewTokenSource(host string, client *http.Client) (oauth2.TokenSource, error) {
	if !isLocal(host) {
		return nil, fmt.Errorf("metadata server %q: must be HOST:PORT of this machine, such as 127.0.0.1:8080", host)
	}
	own := *cmp.Or(client, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: fetchTimeout})
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return oauth2.ReuseTokenSourceWithExpiry(nil, &tokenSource{host: host, client: &own}, renewBefore), nil
}

// isLocal reports whether a HOST:PORT is on this machine's loopback interface.
func isLocal(hostPort string) bool {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false // in a URL, "127.0.0.1:@elsewhere.example" is another host
	}
	return isLoopback(host)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// IfAny returns a source that returns an empty token if s fails. The called server then
// reports whether it requires a token.
func IfAny(s oauth2.TokenSource) oauth2.TokenSource { return ifAny{s} }

type ifAny struct{ oauth2.TokenSource }

// Token returns the token, or an empty one. It never fails.
func (s ifAny) Token() (*oauth2.Token, error) {
	if t, err := s.TokenSource.Token(); err == nil {
		return t, nil
	}
	return new(oauth2.Token), nil
}

type tokenSource struct {
	host   string
	client *http.Client
}

// Token requests the server's current token.
func (s *tokenSource) Token() (*oauth2.Token, error) {
	t, err := s.fetch()
	if err != nil {
		return nil, fmt.Errorf("get token from metadata server %s: %w", s.host, err)
	}
	return &oauth2.Token{
		AccessToken: t.AccessToken,
		TokenType:   t.TokenType,
		Expiry:      time.Now().Add(time.Duration(t.ExpiresIn) * time.Second),
	}, nil
}

func (s *tokenSource) fetch() (token, error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+s.host+root+tokenPath, nil)
	if err != nil {
		return token{}, err
	}
	r.Header.Set(flavorHeader, flavor)
	response, err := s.client.Do(r)
	if err != nil {
		return token{}, err
	}
	defer response.Body.Close()
	return readToken(response)
}

// readToken returns the token in a metadata server's answer. Any answer except a runwith
// token is an error.
func readToken(response *http.Response) (token, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTokenSize))
	if err != nil {
		return token{}, err
	}
	switch {
	case response.StatusCode != http.StatusOK:
		return token{}, fmt.Errorf("it answered %s: %.200s", response.Status, strings.TrimSpace(string(body)))
	case response.Header.Get(flavorHeader) != flavor:
		return token{}, errors.New("the server there is not a metadata server")
	}
	var t token
	if err := json.Unmarshal(body, &t); err != nil {
		return token{}, fmt.Errorf("parse token: %w", err)
	}
	if !strings.HasPrefix(t.AccessToken, tokenPrefix) || t.ExpiresIn <= 0 {
		return token{}, errors.New("it did not return a runwith token; is another metadata server listening at this address?")
	}
	return t, nil
}
