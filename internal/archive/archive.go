// Package archive writes the state of a data folder to one file, and fills an
// empty data folder from such a file.
//
// An archive is a tar file with these entries in this order. Their names are those
// in the data folder:
//
//	invoker.db          if there is one
//	engine.db           if there is one
//	invoker.db.moved    if the invoker's store has moved to PostgreSQL
//	logs/UID.log        the output of each execution
//	backup.json         the manifest; without it the archive is truncated
package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"regexp"
	"time"
)

const (
	manifestName = "backup.json"
	format       = 1
)

// manifest describes the entries before it.
type manifest struct {
	Format  int       `json:"format"`
	Files   int       `json:"files"`
	Version string    `json:"version"` // of the runwith that wrote it
	Time    time.Time `json:"time"`
	SHA256  string    `json:"sha256"` // of their names, sizes and content; early releases wrote none
}

// Names of the databases in a data folder.
const (
	InvokerDatabase = "invoker.db"
	EngineDatabase  = "engine.db"
)

// movedMark is the file beside an invoker's database that keeps servers from opening it, because
// the store has moved to PostgreSQL. A copy of the database without it would start the same
// work as that store.
const movedMark = InvokerDatabase + ".moved"

// databases returns the names of the databases in the order in which they are
// copied. The engine's comes last, so that its copy has every run that the
// invoker's copy knows, and none is started again.
func databases() []string { return []string{InvokerDatabase, EngineDatabase} }

// maxLogName is the maximum length of a log file's name in the archive.
const maxLogName = len("logs/") + 128 + len(".log")

var logName = regexp.MustCompile(`^logs/[A-Za-z0-9][A-Za-z0-9._-]*\.log$`)

func isLog(name string) bool { return len(name) <= maxLogName && logName.MatchString(name) }

// digest is the checksum of the entries of an archive.
type digest struct{ hash.Hash }

func newDigest() digest { return digest{sha256.New()} }

// begin adds the name and the size of the next entry. Its content follows.
func (d digest) begin(name string, size int64) { fmt.Fprintf(d, "%s %d\n", name, size) }

func (d digest) String() string { return hex.EncodeToString(d.Sum(nil)) }

// Content counts the files of an archive, without the manifest.
type Content struct {
	Databases, Logs int
	Bytes           int64
	Moved           bool // the invoker's store has moved to PostgreSQL, and no server opens this one
}

// String returns the counts in one line.
func (c Content) String() string {
	text := fmt.Sprintf("databases: %d, logs: %d, bytes: %d", c.Databases, c.Logs, c.Bytes)
	if c.Moved {
		text += ", " + InvokerDatabase + " has moved to PostgreSQL"
	}
	return text
}

func (c Content) files() int {
	if c.Moved {
		return c.Databases + c.Logs + 1
	}
	return c.Databases + c.Logs
}

// add counts one more file.
func (c *Content) add(name string, size int64) {
	switch {
	case isLog(name):
		c.Logs++
	case name == movedMark:
		c.Moved = true
	default:
		c.Databases++
	}
	c.Bytes += size
}
