package runner

import (
	"fmt"
	"strconv"
	"strings"
)

// ID identifies one placement of one attempt of a task. A lost attempt is placed again
// with the next Incarnation. To the job that is still the same attempt.
type ID struct {
	Execution   string // resource name
	Task        int    // index, from 0
	Attempt     int    // from 0
	Incarnation int    // from 0
}

// String returns the ID in the form EXECUTION/TASK/ATTEMPT/INCARNATION.
func (id ID) String() string {
	return fmt.Sprintf("%s/%d/%d/%d", id.Execution, id.Task, id.Attempt, id.Incarnation)
}

// ParseID parses the result of [ID.String]. The execution's name contains slashes, too.
func ParseID(s string) (id ID, err error) {
	rest := s
	for _, number := range []*int{&id.Incarnation, &id.Attempt, &id.Task} {
		slash := strings.LastIndexByte(rest, '/')
		if slash < 0 {
			return ID{}, fmt.Errorf("parse attempt ID %q: want EXECUTION/TASK/ATTEMPT/INCARNATION", s)
		}
		if *number, err = strconv.Atoi(rest[slash+1:]); err != nil {
			return ID{}, fmt.Errorf("parse attempt ID %q: %w", s, err)
		}
		rest = rest[:slash]
	}
	id.Execution = rest
	return id, nil
}
