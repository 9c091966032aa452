package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// parseProxy parses a proxy-url. The value is not in the error: it may have a password.
// https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/#Cluster
func parseProxy(text string) (*url.URL, error) {
	proxy, err := url.Parse(text)
	if err != nil || proxy.Hostname() == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, proxy.Scheme) {
		return nil, errors.New("proxy-url must be a URL such as http://HOST:3128; its scheme is http, https, socks5 or socks5h")
	}
	return proxy, nil
}

// checkProxy names the proxy if it refuses to connect. net/http has only the status.
func checkProxy(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("proxy %s does not connect: %s", proxy.Redacted(), answer.Status)
}
