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

// The labels of every container and volume.
const (
	folderLabel  = "runwith.folder"  // the data folder's ID
	attemptLabel = "runwith.attempt" // runner.ID.String
	roleLabel    = "runwith.role"    // main or side
	indexLabel   = "runwith.index"   // in the template, from 0
	placeLabel   = "runwith.place"   // among the attempt's containers, in the order of their start, from 0
	countLabel   = "runwith.count"   // how many containers the attempt has
	keptLabel    = "runwith.kept"    // what earlier incarnations had printed: lines of stdout, of stderr
)

// The values of roleLabel.
const (
	roleMain = "main"
	roleSide = "side"
)

// labels are those of what is made for an attempt.
func (r *Runner) labels(id runner.ID, more map[string]string) map[string]string {
	all := map[string]string{folderLabel: r.folder, attemptLabel: id.String()}
	maps.Copy(all, more)
	return all
}

// nameOf is a container's name, for people who look at what runs. The end is random,
// so that no other can have it.
func nameOf(id runner.ID, container string) string {
	parts := []string{path.Base(id.Execution), fmt.Sprintf("task%d", id.Task), strconv.Itoa(id.Attempt)}
	if container != "" {
		parts = append(parts, container)
	}
	return strings.Join(append(parts, strings.ToLower(rand.Text()[:8])), "-")
}

// formatKept and parseKept are the value of keptLabel.
func formatKept(stdout, stderr int) string { return fmt.Sprintf("%d,%d", stdout, stderr) }

func parseKept(s string) (stdout, stderr int) {
	if _, err := fmt.Sscanf(s, "%d,%d", &stdout, &stderr); err != nil {
		return 0, 0 // there is none where nothing was printed before
	}
	return stdout, stderr
}
