package doctor

import (
	"context"
	"net/http"
	"time"
)

const (
	// maxSkew is how far the clock may be off. Tokens and the times of Cloud Run's executions
	// tolerate more, but a clock that is kept is not off so far.
	maxSkew = 10 * time.Second
	// googleClock answers with the time of Google's servers, also without a credential.
	googleClock = "https://run.googleapis.com/"
)

// clocks compares the clock with those of the servers that the invoker works with.
func (e *examination) clocks(ctx context.Context) {
	url := e.CloudRun.Endpoint
	if url == "" {
		url = googleClock
	}
	began := time.Now()
	at, err := e.date(ctx, url)
	switch {
	case err != nil:
		e.skip("clock", "", "not compared, because %s does not answer: %v", url, withoutURL(err))
		return
	case at.IsZero():
		e.skip("clock", "", "not compared, because %s does not say what time it is", url)
		return
	}
	// A Date has whole seconds, and the answer was written between these two times.
	early, late := began.Sub(at.Add(time.Second)), time.Since(at)
	switch {
	case early > maxSkew:
		e.problem("clock", "", "is %v ahead of %s: synchronize it (NTP), because tokens and deadlines depend on it", early.Round(time.Second), url)
	case late < -maxSkew:
		e.problem("clock", "", "is %v behind %s: synchronize it (NTP), because tokens and deadlines depend on it", -late.Round(time.Second), url)
	default:
		e.ok("clock", "", "agrees with %s", url)
	}
}

// date returns the time of a server, or zero if its answer has none.
func (e *examination) date(ctx context.Context, url string) (time.Time, error) {
	response, err := e.get(ctx, url)
	if err != nil {
		return time.Time{}, err
	}
	_ = response.Body.Close()
	at, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return time.Time{}, nil //nolint:nilerr // as good as none
	}
	return at, nil
}
