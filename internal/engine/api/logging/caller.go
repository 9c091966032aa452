package logging

import (
	"context"
	"strings"

	"google.golang.org/grpc/metadata"
)

// wantsText reports whether a caller takes every line as text, as it was printed.
// gcloud does: it breaks off at an entry of a task that has no text. So does runwith
// itself, because no structure keeps a line byte by byte, and because it goes on
// behind the time of the last line that it has.
//
// Deviation: Cloud Logging sends every caller the same. Filters see the same here too,
// but for the time.
func wantsText(ctx context.Context) bool {
	md, _ := metadata.FromIncomingContext(ctx)
	for _, agent := range md.Get("user-agent") {
		if strings.Contains(agent, "gcloud/") || strings.HasPrefix(agent, "runwith") {
			return true
		}
	}
	return false
}
