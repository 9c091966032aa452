package sqlite

import (
	"encoding/json"
	"strings"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/sqlite"
)

// encodeDetail returns what a failure has beside its code and message, as it is stored in
// error_tasks: the JSON of the API without them, or "" if there is no more.
func encodeDetail(f runwith.Failure) string {
	if f.Reason == "" && f.Task == nil && len(f.Tasks) == 0 {
		return ""
	}
	f.Code, f.Message = "", ""
	text, _ := json.Marshal(f) // numbers and strings always encode
	return string(text)
}

// decodeDetail adds what encodeDetail has stored. f has its code and message.
func decodeDetail(text string, f *runwith.Failure) error {
	if text == "" {
		return nil
	}
	decode := decodeFailure
	if strings.HasPrefix(text, "[") {
		decode = decodeTasks
	}
	code, message := f.Code, f.Message
	if decode([]byte(text), f) != nil {
		return sqlite.ErrDamaged
	}
	f.Code, f.Message = code, message
	return nil
}

func decodeFailure(text []byte, f *runwith.Failure) error { return json.Unmarshal(text, f) }

// decodeTasks reads the detail that earlier versions have stored: the tasks alone, of which
// the first has the lines of standard error.
func decodeTasks(text []byte, f *runwith.Failure) error {
	var tasks []struct {
		runwith.TaskFailure
		Stderr []string
	}
	if err := json.Unmarshal(text, &tasks); err != nil || len(tasks) == 0 {
		return err
	}
	first := tasks[0]
	f.Task, f.Attempt = &first.Task, new(first.Attempts-1)
	f.ExitCode, f.Signal, f.Stderr = first.ExitCode, first.Signal, first.Stderr
	for _, t := range tasks {
		f.Tasks = append(f.Tasks, t.TaskFailure)
	}
	return nil
}
