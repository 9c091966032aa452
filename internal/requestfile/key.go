package requestfile

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/runwith/runwith"
)

// key derives the key of a request, so that the same line has the same key in a repeated
// command, also if lines were added to the file or have changed their order. Equal lines are
// counted: each is work of its own.
func (r *Reader) key(q runwith.Request, startAt time.Time) (string, error) {
	q.StartAt = startAt.UTC()
	text, err := json.Marshal([]any{r.config.Job, r.config.Scope, q})
	if err != nil {
		return "", fmt.Errorf("derive a key: %w", err)
	}
	sum := sha256.Sum256(text)
	key := "each-" + base64.RawURLEncoding.EncodeToString(sum[:16])
	r.derived[key]++
	if n := r.derived[key]; n > 1 {
		key = fmt.Sprintf("%s-%d", key, n)
	}
	return key, nil
}
