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
	if err := execute(c.admin(), "CREATE DATABASE "+role+" OWNER "+role); err != nil {
		return nil, "", errors.Join(err, c.remove())
	}
	u, err := url.Parse(c.address())
	if err != nil {
		return nil, "", errors.Join(err, c.remove())
	}
	u.Path = "/" + role
	return c, u.String(), nil
}

// Crash kills the server as [Cluster.Kill] does.
func (c *Cluster) Crash() error { return c.end(syscall.SIGKILL) }

// Recover starts the server again, as [Cluster.Restart] does.
func (c *Cluster) Recover() error { return c.run() }

// Close ends the server and removes its files.
func (c *Cluster) Close() error { return c.remove() }
