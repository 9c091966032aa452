//go:build !unix

package postgrestest

import "errors"

type (
	guard  struct{}
	daemon struct{}
)

func lookPath(string) (string, error) { return "", errors.ErrUnsupported }

// start is unsupported, because PostgreSQL's processes are not ended by signals here.
func start(Options) (*Cluster, error) {
	_, err := programs()
	return nil, err
}

func (c *Cluster) remove() error { return nil }

func lastLines(string) string { return "" }

// Open is unsupported.
func Open(Options) (*Cluster, string, error) { return nil, "", errors.ErrUnsupported }

// NewDatabase is unsupported.
func (c *Cluster) NewDatabase(string) (address string, err error) { return "", errors.ErrUnsupported }

// Crash is unsupported.
func (c *Cluster) Crash() error { return errors.ErrUnsupported }

// Recover is unsupported.
func (c *Cluster) Recover() error { return errors.ErrUnsupported }

// Close is unsupported.
func (c *Cluster) Close() error { return errors.ErrUnsupported }
