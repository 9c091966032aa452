// Package column has how the values of rows are written as text, alike in every store.
package column

import (
	"encoding/json"
	"strings"

	"github.com/runwith/runwith"
)

// Encode returns a value as JSON, or nothing if there is none.
func Encode(v any, some bool) string {
	if !some {
		return ""
	}
	text, _ := json.Marshal(v) // what rows have always encodes
	return string(text)
}

// Decode reads what Encode returned. It leaves v as it is if there is nothing.
func Decode(text string, v any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), v)
}

// EncodeFailure returns what a failure has beside its code and message: the JSON of the API
// without them, or nothing if there is no more.
func EncodeFailure(f runwith.Failure) string {
	f.Code, f.Message = "", ""
	return Encode(f, f.Reason != "" || f.Task != nil || len(f.Tasks) > 0)
}

// DecodeFailure adds what EncodeFailure has returned to a failure that has its code and message.
func DecodeFailure(text string, f *runwith.Failure) error {
	if text == "" {
		return nil
	}
	decode := Decode
	if strings.HasPrefix(text, "[") {
		decode = decodeTasks
	}
	code, message := f.Code, f.Message
	if err := decode(text, f); err != nil {
		return err
	}
	f.Code, f.Message = code, message
	return nil
}

// decodeTasks reads the detail that earlier versions have stored: the tasks alone, of which
// the first has the lines of standard error.
func decodeTasks(text string, v any) error {
	f, _ := v.(*runwith.Failure)
	var tasks []struct {
		runwith.TaskFailure
		Stderr []string
	}
	if err := Decode(text, &tasks); err != nil || len(tasks) == 0 {
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

// Null returns a text for a column in which no text is NULL.
func Null(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// Text returns the text of such a column.
func Text(null *string) string {
	if null == nil {
		return ""
	}
	return *null
}
