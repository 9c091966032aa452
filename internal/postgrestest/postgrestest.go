// Package postgrestest gives tests a real PostgreSQL. [Database] returns an empty database on a
// server that all tests of a process share. [Start] starts a server of the test's own, which may
// be killed, paused and filled.
//
// A server is made from PostgreSQL's programs in a temporary folder, and ends with the process,
// even if that is killed. Two defaults differ from many installations, to find mistakes: text
// sorts as English does, not by its bytes, and the time zone is not UTC.
package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/testneed"
)

// limit bounds each command to a server. It is generous, because a busy machine is not a failure.
const limit = 2 * time.Minute

// shared starts the server of all tests of this process. The operating system ends it.
var shared = sync.OnceValues(func() (*Cluster, error) {
	return start(Options{Trust: true})
})

// Database creates an empty database for a test, and drops it with the test. It returns the
// database's URL. Without PostgreSQL the test fails if [testneed.Variable] lists postgres, and is
// skipped otherwise.
func Database(t testing.TB) (address string) {
	t.Helper()
	if address := testneed.Postgres(); address != "" {
		return database(t, address, address, "")
	}
	c, err := shared()
	need(t, err)
	return c.Database(t)
}

// need ends the test if no server could be started.
func need(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, ErrNoPrograms) {
		testneed.Missing(t, "postgres", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// database creates a database as the role in the URL admin. It returns the URL with the role of
// the URL user, which owns the database. from is empty, or the clause TEMPLATE.
func database(t testing.TB, admin, user, from string) (address string) {
	t.Helper()
	owner, err := url.Parse(user)
	if err != nil {
		t.Fatalf("parse URL of PostgreSQL: %v", err)
	}
	name := "runwith_" + strings.ToLower(rand.Text()[:12])
	Exec(t, admin, "CREATE DATABASE "+name+" OWNER "+pgx.Identifier{owner.User.Username()}.Sanitize()+from)
	t.Cleanup(func() {
		// The test may have left its server dead, together with the database.
		if err := execute(admin, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Logf("drop database %s: %v", name, err)
		}
	})
	owner.Path = "/" + name
	return owner.String()
}

// Exec executes one SQL command on the database with a URL, in a connection of its own.
func Exec(t testing.TB, address, sql string) {
	t.Helper()
	if err := execute(address, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func execute(address, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}
