package postgrestest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"testing"

	"github.com/runwith/runwith/internal/testneed"
)

// Options describes a server. The zero value is a server with PostgreSQL's defaults.
type Options struct {
	// Settings are parameters of postgresql.conf: "max_connections": "20".
	Settings map[string]string
	// Disk is the folder of a disk that holds the server's data. Empty is a temporary folder.
	Disk string
	// Trust lets every role in without its password, which a server needs long to check.
	Trust bool
}

// Cluster is a PostgreSQL server with a superuser and an ordinary role. Its methods must not run
// at the same time, except [Cluster.Database] and [Cluster.Exec].
type Cluster struct {
	folder  string // of the socket and the log
	data    string
	port    int
	program string
	guard   *guard
	server  *daemon // nil while it does not run

	mu        sync.Mutex
	originals map[string]error // databases that tests copy, and whether they could be prepared
}

// The roles of a server. Databases belong to the ordinary one.
const (
	superuser = "postgres"
	role      = "runwith"
	password  = "correct horse"
)

// Start starts a server for one test, and ends it with the test. Without PostgreSQL's programs the
// test fails if [testneed.Variable] lists postgres, and is skipped otherwise.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	c, err := start(o)
	need(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last lines of PostgreSQL's log:\n%s", lastLines(c.folder))
		}
		if err := c.remove(); err != nil {
			t.Errorf("end PostgreSQL: %v", err)
		}
	})
	return c
}

// ErrNoPrograms is the error on a machine without PostgreSQL's programs.
var ErrNoPrograms = errors.New("cannot find initdb: install PostgreSQL 15 or later, or set " + testneed.PostgresVariable + " to the URL of a server")

// programs returns the folder of PostgreSQL's programs. Debian keeps them out of PATH, in a folder
// for each version.
func programs() (folder string, err error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	inPath, err := lookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoPrograms, err)
	}
	return filepath.Dir(inPath), nil
}

// Database creates an empty database for a test, and drops it with the test. It returns the
// database's URL.
func (c *Cluster) Database(t testing.TB) (address string) {
	t.Helper()
	return database(t, c.admin(), c.address(), "")
}

// Exec executes one SQL command as superuser.
func (c *Cluster) Exec(t testing.TB, sql string) {
	t.Helper()
	Exec(t, c.admin(), sql)
}

// address returns the URL for the ordinary role, which needs its password. A client that asks for TLS
// first would connect twice, and a connection is what costs PostgreSQL most.
func (c *Cluster) address() string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: fmt.Sprintf("127.0.0.1:%d", c.port), Path: "/postgres", RawQuery: "sslmode=disable"}
	return u.String()
}

// admin returns the URL for the superuser, who connects through the socket without a password.
func (c *Cluster) admin() string {
	query := url.Values{"host": {c.folder}, "port": {fmt.Sprint(c.port)}}
	u := url.URL{Scheme: "postgres", User: url.User(superuser), Path: "/postgres", RawQuery: query.Encode()}
	return u.String()
}

// freePort returns a port of 127.0.0.1 that nobody uses. The operating system does not hand it
// out, so that it is still free when the server starts again.
func freePort() (port int, err error) {
	const first, count = 15_000, 15_000
	for range 100 {
		port = first + rand.IntN(count)
		var listener net.Listener
		if listener, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			return port, listener.Close()
		}
	}
	return 0, err
}
