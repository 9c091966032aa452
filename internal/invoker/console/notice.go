package console

// notices are what a page says after a form has done something. The page that follows the form
// has the key in its URL, so that nobody can make a page say something else.
var notices = map[string]string{ //nolint:gochecknoglobals // never written
	"signed-in":     "You are signed in.",
	"cancel":        "The cancel was requested.",
	"resolve":       "The decision is stored.",
	"retry":         "The job was started for the event.",
	"start":         "The job was started.",
	"start-before":  "This form had started the job before: this is that invocation. To start it once more, run it again, or open a new form.",
	"replay":        "The delivery is due again.",
	"replay-failed": "The failed deliveries of the endpoint are due again.",
	"enable":        "The endpoint is enabled.",
	"pause":         "The schedule is paused.",
	"resume":        "The schedule is active again.",
}
