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
	// renewBefore is shorter than tokenMargin: the server has a new one by then.
	renewBefore  = time.Minute
	maxTokenSize = 64 << 10
)

// NewTokenSource returns a source of access tokens from the metadata server at
// host, a loopback address or localhost with a port; any other is an error. It
// asks no one else, whatever the environment says, and hands out only tokens
// that a runwith metadata server made: so a developer's own credentials can
// never come out of it.
//
// A token is kept until shortly before its end. The source is safe for
// concurrent use. A nil client means one of its own that waits at most 10 s.
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
		return false // in a URL, "127.0.0.1:@elsewhere.example" is elsewhere
	}
	return isLoopback(host)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}

// IfAny returns a source that has an empty token where s has none to give: then it is
// for the server that is called to say that it wants one.
func IfAny(s oauth2.TokenSource) oauth2.TokenSource { return ifAny{s} }

type ifAny struct{ oauth2.TokenSource }

// Token returns the token, or an empty one, and no error.
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

// Token asks the server for its token of the moment.
func (s *tokenSource) Token() (*oauth2.Token, error) {
	t, err := s.fetch()
	if err != nil {
		return nil, fmt.Errorf("take token from metadata server %s: %w", s.host, err)
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

// readToken returns the token in a metadata server's answer, and an error for
// anything else than a token of this project's own.
func readToken(response *http.Response) (token, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxTokenSize))
	if err != nil {
		return token{}, err
	}
	switch {
	case response.StatusCode != http.StatusOK:
		return token{}, fmt.Errorf("it answered %s: %.200s", response.Status, strings.TrimSpace(string(body)))
	case response.Header.Get(flavorHeader) != flavor:
		return token{}, errors.New("what answered there is no metadata server")
	}
	var t token
	if err := json.Unmarshal(body, &t); err != nil {
		return token{}, fmt.Errorf("parse token: %w", err)
	}
	if !strings.HasPrefix(t.AccessToken, tokenPrefix) || t.ExpiresIn <= 0 {
		return token{}, errors.New("the token there is not one of runwith's; is another metadata server listening at this address?")
	}
	return t, nil
}
