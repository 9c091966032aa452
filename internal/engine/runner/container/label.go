package container

import (
	"crypto/rand"
	"fmt"
	"maps"
	"path"
	"strconv"
	"strings"

	"github.com/runwith/runwith/internal/engine/runner"
)

// The labels of containers and volumes.
const (
	folderLabel  = "runwith.folder"  // the data folder's ID
	attemptLabel = "runwith.attempt" // runner.ID.String
	roleLabel    = "runwith.role"    // main or side
	indexLabel   = "runwith.index"   // in the template, from 0
	placeLabel   = "runwith.place"   // position in the order of start among the attempt's containers, from 0
	countLabel   = "runwith.count"   // how many containers the attempt has
	keptLabel    = "runwith.kept"    // lines of stdout and stderr that earlier incarnations printed
)

// The values of roleLabel.
const (
	roleMain = "main"
	roleSide = "side"
)

// labels returns the labels of a container or volume of an attempt.
func (r *Runner) labels(id runner.ID, more map[string]string) map[string]string {
	all := map[string]string{folderLabel: r.folder, attemptLabel: id.String()}
	maps.Copy(all, more)
	return all
}

// nameOf returns a container's name, for people. It ends with random letters, so that it
// is unique.
func nameOf(id runner.ID, container string) string {
	parts := []string{path.Base(id.Execution), fmt.Sprintf("task%d", id.Task), strconv.Itoa(id.Attempt)}
	if container != "" {
		parts = append(parts, container)
	}
	return strings.Join(append(parts, strings.ToLower(rand.Text()[:8])), "-")
}

// formatKept and parseKept write and read the value of keptLabel.
func formatKept(stdout, stderr int) string { return fmt.Sprintf("%d,%d", stdout, stderr) }

func parseKept(s string) (stdout, stderr int) {
	if _, err := fmt.Sscanf(s, "%d,%d", &stdout, &stderr); err != nil {
		return 0, 0 // nothing was printed before
	}
	return stdout, stderr
}
