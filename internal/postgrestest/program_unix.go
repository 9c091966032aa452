//go:build unix

package postgrestest

import (
	"errors"
	"net/url"
	"syscall"
)

// Open starts a server for a program that is no test. It also returns the URL of an empty
// database. The caller closes the server.
func Open(o Options) (c *Cluster, address string, err error) {
	if c, err = start(o); err != nil {
		return nil, "", err
	}
	if address, err = c.NewDatabase(role); err != nil {
		return nil, "", errors.Join(err, c.remove())
	}
	return c, address, nil
}

// NewDatabase creates an empty database, which lives as long as the server. It returns the
// database's URL.
func (c *Cluster) NewDatabase(name string) (address string, err error) {
	if err := execute(c.admin(), "CREATE DATABASE "+name+" OWNER "+role); err != nil {
		return "", err
	}
	u, err := url.Parse(c.address())
	if err != nil {
		return "", err
	}
	u.Path = "/" + name
	return u.String(), nil
}

// Crash kills the server as [Cluster.Kill] does.
func (c *Cluster) Crash() error { return c.end(syscall.SIGKILL) }

// Recover starts the server again, as [Cluster.Restart] does.
func (c *Cluster) Recover() error { return c.run() }

// Close ends the server and removes its files.
func (c *Cluster) Close() error { return c.remove() }
