package main

import (
	"context"
	"errors"
	"net/url"

	"github.com/runwith/runwith/internal/postgrestest"
)

// sharedStore is a PostgreSQL. The connections of the invokers to it break at any byte.
type sharedStore struct {
	cluster *postgrestest.Cluster
	url     *url.URL
	cancel  []context.CancelFunc
	proxies []*proxy
}

func openSharedStore() (*sharedStore, error) {
	cluster, address, err := postgrestest.Open(postgrestest.Options{})
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(address)
	return &sharedStore{cluster: cluster, url: u}, err
}

// through returns the URL of the database through a network of its own.
func (s *sharedStore) through(ctx context.Context, seed uint64) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	s.cancel = append(s.cancel, cancel)
	p, err := startProxy(ctx, s.url.Host, seed)
	if err != nil {
		return "", err
	}
	s.proxies = append(s.proxies, p)
	u := *s.url
	u.Host = p.addr()
	return u.String(), nil
}

// crash kills PostgreSQL, and starts it again.
func (s *sharedStore) crash() error { return errors.Join(s.cluster.Crash(), s.cluster.Recover()) }

func (s *sharedStore) close() error {
	for _, cancel := range s.cancel {
		cancel()
	}
	for _, p := range s.proxies {
		p.wait()
	}
	return s.cluster.Close()
}
