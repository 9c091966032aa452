package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/runwith/runwith/internal/archive"
	"github.com/runwith/runwith/internal/invoker/store/postgres"
	"github.com/runwith/runwith/internal/invoker/store/transfer"
	"github.com/runwith/runwith/internal/terminal"
)

// copyTold is the time between two lines about the progress of a copy.
const copyTold = 2 * time.Second

func newStoreCopy() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "copy --from sqlite:PATH",
		Short: "Move an installation from an SQLite file into PostgreSQL",
		Long: `Copy moves everything that a server keeps in its SQLite file into a PostgreSQL
database: invocations with their keys, labels and twins, deliveries, refused events,
schedules, rates, usage. Stop the server first. PATH is the file, or the data folder
with the file invoker.db.

The database must have no rows of runwith; copy makes the tables. It copies all tables
in one transaction, reads all rows back, and compares their number and a hash of them
with the file. If it fails or is killed, the database is as it was: run it again.

Afterwards no server opens the file again, because two stores with the same work would
start it twice. Copy marks the file so. The file itself stays as it was, apart from an
older schema, which copy updates.`,
		Example: `  runwith store copy --from sqlite:/srv/runwith --to postgres://runwith@db.example.com/runwith
  RUNWITH_STORE=postgres://runwith:secret@db.example.com/runwith runwith store copy --from sqlite:.runwith/invoker.db`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			file, err := sqliteFile(from)
			if err != nil {
				return err
			}
			if !postgres.IsURL(to) {
				return misused("--to %s: must be a URL that begins with postgres://", postgres.Redacted(to))
			}
			return interruptedOr(cmd, copyStore(cmd, file, to))
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "`FILE` to copy, as sqlite:PATH")
	cmd.Flags().StringVar(&to, "to", env("RUNWITH_STORE", ""), "`URL` of the database, postgres://USER@HOST/DATABASE (RUNWITH_STORE)")
	return cmd
}

// sqliteFile returns the file that --from names.
func sqliteFile(from string) (string, error) {
	path, is := strings.CutPrefix(from, "sqlite:")
	if !is || path == "" {
		return "", misused("--from %s: must be sqlite:PATH, such as sqlite:/srv/runwith/invoker.db", from)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, archive.InvokerDatabase)
	}
	return filepath.Abs(path)
}

func copyStore(cmd *cobra.Command, file, to string) error {
	began, told := time.Now(), teller{out: cmd.ErrOrStderr(), began: time.Now()}
	moved, err := transfer.Move(cmd.Context(), transfer.Options{From: file, To: to, Progress: told.tell})
	if err != nil {
		return err
	}
	total, altered := int64(0), int64(0)
	shown := terminal.Sections{Screen: screen(cmd.OutOrStdout())}
	shown.Begin(postgres.Redacted(to))
	for _, t := range moved {
		total, altered = total+t.Rows, altered+t.Altered
		shown.Row(t.Name, fmt.Sprintf("%d rows, hash %.16s", t.Rows, t.Hash))
	}
	if err := shown.End(); err != nil {
		return err
	}
	if altered > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "%d texts had bytes that PostgreSQL does not take; each of these became U+FFFD\n", altered)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "moved %d rows in %s (%s): serve them with --store, and leave %s\n", total, time.Since(began).Round(time.Second), rate(total, time.Since(began)), file)
	return nil
}

// teller prints the progress of a copy.
type teller struct {
	out   io.Writer
	step  transfer.Progress
	began time.Time // the step
	told  time.Time
}

func (t *teller) tell(p transfer.Progress) {
	if p.What != t.step.What || p.Step != t.step.Step {
		t.began, t.told = time.Now(), time.Now()
	}
	t.step = p
	if p.Done == 0 || p.Done < p.Total && time.Since(t.told) < copyTold {
		return
	}
	t.told = time.Now()
	line := fmt.Sprintf("%s: %s %d of %d", p.What, p.Step, p.Done, p.Total)
	if p.Step != transfer.Building {
		line += " (" + rate(p.Done, time.Since(t.began)) + ")"
	}
	fmt.Fprintln(t.out, line)
}

// rate returns how many rows were done in a second.
func rate(done int64, took time.Duration) string {
	return fmt.Sprintf("%.0f rows/s", float64(done)/max(took.Seconds(), 1e-3))
}
