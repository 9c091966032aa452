package logging

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"
)

// wantsText reports whether a caller gets every line as text, exactly as printed.
// gcloud run jobs logs read does, because it stops at a task's entry without text.
// runwith's own client does, because a structure does not keep the bytes of a line, and
// because the client resumes after the time of its last line.
//
// Deviation: Cloud Logging sends all callers the same. Here filters match the same
// entries for all callers, except by time.
func wantsText(ctx context.Context) bool {
	md, _ := metadata.FromIncomingContext(ctx)
	return slices.ContainsFunc(md.Get("user-agent"), func(agent string) bool {
		return strings.HasPrefix(agent, "runwith") || slices.ContainsFunc(strings.Fields(agent), readsRunLogs)
	})
}

// readsRunLogs reports whether a word of a User-Agent names a command such as
// gcloud.beta.run.jobs.executions.logs.read, but not gcloud.logging.read.
func readsRunLogs(word string) bool {
	command, ok := strings.CutPrefix(word, "command/gcloud.")
	parts := strings.Split(command, ".")
	return ok && slices.Contains(parts, "run") && strings.HasSuffix(command, ".logs.read")
}
