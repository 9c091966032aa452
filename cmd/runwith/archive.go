package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"
)

// An archive is a tar of the files below, in this order, named as they are in the
// data folder:
//
//	invoker.db      as far as it is there
//	engine.db       as far as it is there
//	logs/UID.log    what tasks have printed
//	backup.json     the manifest: that it is there shows that nothing is cut off
const (
	manifestName  = "backup.json"
	archiveFormat = 1
)

// manifest tells of an archive what stands before it.
type manifest struct {
	Format  int       `json:"format"`
	Files   int       `json:"files"`
	Version string    `json:"version"` // of the runwith that wrote it
	Time    time.Time `json:"time"`
}

const invokerDatabase, engineDatabase = "invoker.db", "engine.db"

// databases are those of a data folder, in the order in which they are copied. The
// engine's comes later: a run that the invoker's copy has begun is then found in
// the engine's, and not made again.
func databases() []string { return []string{invokerDatabase, engineDatabase} }

var archivedLog = regexp.MustCompile(`^logs/[A-Za-z0-9][A-Za-z0-9._-]{0,127}\.log$`)

// content is what an archive was found to hold.
type content struct {
	databases, logs int
	bytes           int64
}

func (c content) files() int { return c.databases + c.logs }

func (c content) String() string {
	return fmt.Sprintf("databases: %d, logs: %d, bytes: %d", c.databases, c.logs, c.bytes)
}

// count adds a file.
func (c *content) count(name string, size int64) {
	if archivedLog.MatchString(name) {
		c.logs++
	} else {
		c.databases++
	}
	c.bytes += size
}

// addData adds the flag that names the data folder.
func addData(cmd *cobra.Command, data *string) {
	*data = filepath.Join(xdg.DataHome, "runwith")
	cmd.Flags().Var((*folder)(data), "data", "`DIR` that keeps the state")
}
