//go:build unix

package postgrestest

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/runwith/runwith/internal/testneed"
)

// PgBouncer starts a PgBouncer in front of the database with a URL, in transaction mode: each
// transaction may get another connection. It returns the URL of the database behind it, and ends
// with the test. Without PgBouncer the test fails if [testneed.Variable] lists pgbouncer, and is
// skipped otherwise.
func PgBouncer(t testing.TB, address string) (pooled string) {
	t.Helper()
	program := testneed.Tool(t, "pgbouncer")
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	folder, port, err := configureBouncer(address)
	if err != nil {
		t.Fatalf("configure PgBouncer: %v", err)
	}
	g, err := watch(folder)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.end(); err != nil {
			t.Errorf("end PgBouncer: %v", err)
		}
	})
	if _, err := launch(g, folder, "process up", program, filepath.Join(folder, bouncerFile)); err != nil {
		t.Fatal(err)
	}
	u.Host = fmt.Sprintf("127.0.0.1:%d", port)
	return u.String()
}

const bouncerFile = "pgbouncer.ini"

// configureBouncer makes a folder with PgBouncer's files for a database.
func configureBouncer(address string) (folder string, port int, err error) {
	server, err := pgx.ParseConfig(address)
	if err != nil {
		return "", 0, err
	}
	if port, err = freePort(); err != nil {
		return "", 0, err
	}
	if folder, err = os.MkdirTemp("", "runwith-pgbouncer-"); err != nil {
		return "", 0, err
	}
	users, file := filepath.Join(folder, "users"), filepath.Join(folder, bouncerFile)
	text := fmt.Sprintf(`[databases]
* = host=%s port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
pool_mode = transaction
auth_type = scram-sha-256
auth_file = %s
`, server.Host, server.Port, port, users)
	return folder, port, errors.Join(
		os.WriteFile(users, fmt.Appendf(nil, "%q %q\n", server.User, server.Password), 0o600),
		os.WriteFile(file, []byte(text), 0o600),
		giveAway(folder), giveAway(users), giveAway(file),
	)
}
