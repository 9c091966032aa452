package console

import "crypto/rand"

// newKey returns an idempotency key for a form that starts a job, so that sending the form
// twice starts the job once.
func newKey() string { return "console-" + rand.Text() }
