package logging

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"
)

// wantsText reports whether a caller gets every line as text, exactly as printed.
// gcloud does, because it stops at a task's entry without text. runwith's own client
// does, because a structure does not keep the bytes of a line, and because the client
// resumes after the time of its last line.
//
// Deviation: Cloud Logging sends all callers the same. Here filters match the same
// entries for all callers, except by time.
func wantsText(ctx context.Context) bool {
	md, _ := metadata.FromIncomingContext(ctx)
	for _, agent := range md.Get("user-agent") {
		if strings.Contains(agent, "gcloud/") || strings.HasPrefix(agent, "runwith") {
			return true
		}
	}
	return false
}
