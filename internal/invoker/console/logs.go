package console

import (
	"net/url"
	"strconv"

	"github.com/runwith/runwith"
)

// logs shows the output of an invocation. A module shows it live; without JavaScript the page
// sends the visitor to the last lines as text.
func (s *server) logs(c *call) (page, error) {
	i, err := s.Invoker.Invocation(c.Context(), c.PathValue("id"))
	if err != nil {
		return page{}, err
	}
	choice, err := readLogChoice(c.URL.Query(), i)
	if err != nil {
		return page{}, err
	}
	d := logsData{Invocation: i, logChoice: choice}
	if choice.Lines > 0 {
		if err := d.read(c.Context(), s.Invoker); err != nil {
			return page{}, err
		}
	}
	p := page{Template: "logs", Title: "Logs of " + i.Job, Nav: "/invocations", Data: d}
	if choice.Lines == 0 {
		p.Module, p.Unscripted = "logs", d.Unscripted()
	}
	return p, nil
}

// logsData is the data of the page of a log.
type logsData struct {
	runwith.Invocation
	logChoice
	Rows    []logRow
	Earlier string // position of the first row, if there are lines before it
}

// Path returns the path of a page of this log, such as download, with the choice of lines.
func (d logsData) Path(name string) string {
	path := "/invocations/" + d.ID + "/logs"
	if name != "" {
		path += "/" + name
	}
	return withQuery(path, d.query())
}

// Unscripted returns the path of the last lines as a page without JavaScript.
func (d logsData) Unscripted() string {
	q := d.query()
	q.Set("lines", strconv.Itoa(logLines))
	return withQuery("/invocations/"+d.ID+"/logs", q)
}

// EarlierPath returns the path of the lines before the rows.
func (d logsData) EarlierPath() string {
	q := d.query()
	q.Set("lines", strconv.Itoa(d.Lines))
	q.Set("before", d.Earlier)
	return withQuery("/invocations/"+d.ID+"/logs", q)
}

// TaskNumbers returns the tasks to choose from, unless they are too many for a list.
func (d logsData) TaskNumbers() []int {
	if d.Counts.Tasks > 100 {
		return nil
	}
	all := make([]int, d.Counts.Tasks)
	for n := range all {
		all[n] = n
	}
	return all
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}
