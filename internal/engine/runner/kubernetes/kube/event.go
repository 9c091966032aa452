package kube

import (
	"encoding/json"
	"fmt"
)

// EventKind is the kind of a [PodEvent].
type EventKind string

// Kinds of events.
const (
	// Added is a Pod that the handler has not seen. It may be older than the watch.
	Added EventKind = "ADDED"
	// Modified is a Pod that the handler has seen, and that has changed since.
	Modified EventKind = "MODIFIED"
	// Deleted is a Pod that no longer exists, or no longer matches the selector.
	Deleted EventKind = "DELETED"
	// Synced has no Pod. The handler has now seen every Pod of a list.
	Synced EventKind = "SYNCED"
)

// PodEvent is a change that [Client.WatchPods] reports.
type PodEvent struct {
	Kind EventKind
	// Pod is the state after the change. A deleted Pod has its last state or, if it
	// went while there was no watch, only its name, namespace and UID.
	Pod *Pod
}

// Kinds of lines of a watch that are no changes of Pods.
const (
	lineBookmark = "BOOKMARK"
	lineError    = "ERROR"
)

// line is one line of a watch.
// https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
type line struct {
	Type   string          `json:"type"`
	Object json.RawMessage `json:"object"`
}

// readLine decodes a line of a watch. The kind is Added, Modified, Deleted or lineBookmark;
// a line that has an error is that error.
func readLine(text []byte) (kind EventKind, pod *Pod, err error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return "", nil, fmt.Errorf("line of a watch: %w", err)
	}
	switch kind := EventKind(l.Type); kind {
	case lineError:
		return "", nil, readStatus(l.Object)
	case Added, Modified, Deleted, lineBookmark:
		pod := new(Pod)
		if err := json.Unmarshal(l.Object, pod); err != nil {
			return "", nil, fmt.Errorf("line of a watch: %w", err)
		}
		return kind, pod, nil
	default:
		return "", nil, fmt.Errorf("line of a watch: unknown type %q", l.Type)
	}
}

// readStatus returns the error that a Status object is.
func readStatus(text []byte) error {
	var status struct {
		Code            int
		Reason, Message string
	}
	if err := json.Unmarshal(text, &status); err != nil {
		return fmt.Errorf("error in a watch: %w", err)
	}
	return &StatusError{Code: status.Code, Reason: status.Reason, Message: status.Message}
}
