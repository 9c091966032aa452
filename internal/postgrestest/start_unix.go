//go:build unix

package postgrestest

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

func lookPath(program string) (string, error) { return exec.LookPath(program) }

// start makes a server in a folder of its own and starts it.
func start(o Options) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	c := &Cluster{}
	if err := c.make(bin, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL in a folder of its own: %w", err), c.remove())
	}
	return c, nil
}

// make makes the server's files, and starts it for the first time.
func (c *Cluster) make(bin string, o Options) (err error) {
	if c.folder, err = os.MkdirTemp("", "runwith-postgres-"); err != nil {
		return err
	}
	if c.guard, err = watch(c.folder); err != nil {
		return err
	}
	c.data = filepath.Join(c.folder, "data")
	if o.Disk != "" {
		c.data = filepath.Join(o.Disk, "data")
		//nolint:gosec // the account must reach the folder, and a test's folder lets only its own user in
		if err := os.Chmod(filepath.Dir(o.Disk), 0o711); err != nil {
			return err
		}
	}
	if err := os.Mkdir(c.data, 0o700); err != nil {
		return err
	}
	if err := errors.Join(giveAway(c.folder), giveAway(c.data)); err != nil {
		return err
	}
	auth := "scram-sha-256"
	if o.Trust {
		auth = "trust"
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "--pgdata="+c.data, "--username="+superuser, "--no-sync",
		"--auth-local=trust", "--auth-host="+auth, "--encoding=UTF8", "--locale=C",
		"--locale-provider=icu", "--icu-locale=en")
	if err := unprivileged(initdb); err != nil {
		return err
	}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return c.first(bin, o.Settings)
}

// first starts the server on a free port, and adds the ordinary role.
func (c *Cluster) first(bin string, settings map[string]string) (err error) {
	if c.port, err = freePort(); err != nil {
		return err
	}
	all := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(c.port),
		"unix_socket_directories": c.folder,
		"timezone":                "Asia/Kathmandu",
		"shared_buffers":          "32MB",
		"max_connections":         "500", // many tests use it at once, some with several stores
	}
	maps.Copy(all, settings)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&text, "%s = '%s'\n", name, strings.ReplaceAll(all[name], "'", "''"))
	}
	if err := c.write(filepath.Join(c.data, "postgresql.conf"), []byte(text.String())); err != nil {
		return err
	}
	c.program = filepath.Join(bin, "postgres")
	if err := c.run(); err != nil {
		return err
	}
	return execute(c.admin(), "CREATE ROLE "+role+" LOGIN PASSWORD '"+password+"'")
}

// account returns the user for PostgreSQL, because PostgreSQL refuses to run as root. It returns nil
// if the tests do not run as root.
func account() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, err
}

// unprivileged makes a command run as the account, out of reach of the terminal's signals.
func unprivileged(command *exec.Cmd) error {
	who, err := account()
	command.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setpgid: true}
	command.Dir = "/"
	return err
}

// giveAway makes the account the owner of a file.
func giveAway(file string) error {
	who, err := account()
	if who == nil || err != nil {
		return err
	}
	return os.Chown(file, int(who.Uid), int(who.Gid))
}

// write writes a file of the server.
func (c *Cluster) write(file string, text []byte) error {
	return errors.Join(os.WriteFile(file, text, 0o600), giveAway(file))
}
