package main

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/runwith/runwith/internal/postgrestest"
	"github.com/runwith/runwith/internal/testneed"
)

// TestScript runs testdata/script/*.txtar, the command line as its users meet
// it. To the commands of testscript it adds:
//
//	start COMMAND [ARGS...]     start up, engine or serve on a free port, with its state in ./COMMAND;
//	                            sets RUNWITH_SERVER or RUNWITH_ENDPOINT, and ADDR
//	end COMMAND                 end it by SIGTERM: it must exit with 0 and leave no process; so it is
//	                            at the end of each script for what is still there
//	exits CODE COMMAND ARGS...  run a command that ends with this exit code
//	empty DIR                   there is nothing in the folder
//	newer FILE N                raise the schema version of a database by N, which may be negative
func TestScript(t *testing.T) {
	t.Parallel()
	needProcesses(t)
	testscript.Run(t, scripts("testdata/script", nil))
}

// TestDatabaseScript runs testdata/database/*.txtar in the same way, with a PostgreSQL database:
//
//	$DATABASE    URL of an empty database
func TestDatabaseScript(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	needProcesses(t)
	testscript.Run(t, scripts("testdata/database", map[string]string{"DATABASE": postgrestest.Database(t)}))
}

// scripts returns how the scripts in a folder run, with more variables.
func scripts(dir string, variables map[string]string) testscript.Params {
	return testscript.Params{
		Dir: dir,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv(raceOptions, os.Getenv(raceOptions))
			env.Setenv("DOCKER_HOST", noDaemon)
			for name, value := range variables {
				env.Setenv(name, value)
			}
			started := servers{}
			env.Values[serversKey{}] = started
			env.Defer(func() { started.end(env.T()) })
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"start": scriptStart,
			"end":   scriptEnd,
			"exits": scriptExits,
			"empty": scriptEmpty,
			"newer": scriptNewer,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	}
}

// servers are those that a script has started, by command.
type servers map[string]*server

// serversKey is where a script keeps them.
type serversKey struct{}

// end ends those that still run.
func (all servers) end(t testscript.T) {
	for command, s := range all {
		if err := s.stop(); err != nil {
			t.Log(command, err)
			defer t.FailNow()
		}
	}
}

func scriptStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: start COMMAND [ARGS...]")
	}
	data := ts.MkAbs(args[0])
	cmd := exec.Command("runwith", append([]string{args[0], "--addr", "127.0.0.1:0", "--data", data}, args[1:]...)...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"HOME", "PATH", "TMPDIR", "RUNWITH_ENDPOINT", "DOCKER_HOST", raceOptions} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	s, err := startServer(cmd, data)
	ts.Check(err)
	running(ts)[args[0]] = s
	variable := "RUNWITH_SERVER"
	if args[0] == "engine" {
		variable = "RUNWITH_ENDPOINT"
	}
	ts.Setenv(variable, s.url)
	ts.Setenv("ADDR", s.addr())
}

func scriptEnd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || running(ts)[args[0]] == nil {
		ts.Fatalf("usage: end COMMAND, of one that was started")
	}
	s := running(ts)[args[0]]
	delete(running(ts), args[0])
	ts.Check(s.stop())
}

func running(ts *testscript.TestScript) servers { return ts.Value(serversKey{}).(servers) }

func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got, err = exit.ExitCode(), nil
	}
	ts.Check(err)
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func scriptEmpty(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: empty DIR")
	}
	entries, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s has %v in it", args[0], entries)
	}
}

func scriptNewer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: newer FILE N")
	}
	by, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(raiseSchema(ts.MkAbs(args[0]), by))
}

// raiseSchema makes a database that a newer program has left, as far as the
// version in it can tell.
func raiseSchema(path string, by int) (err error) {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", path) // the driver is the program's own
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if _, err := db.Exec(fmt.Sprintf("PRAGMA user_version = %d", version+by)); err != nil {
		return err
	}
	return os.RemoveAll(path + ".sum") // the newer program would have written its own
}
