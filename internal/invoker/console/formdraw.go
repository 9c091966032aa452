package console

import (
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/runwith/runwith"
)

// Shown returns the faults that stand at a field. A form that the visitor has not sent yet shows
// none.
func (d startData) Shown(field string) []string {
	if !d.Checked {
		return nil
	}
	return d.FaultsAt(field)
}

// Described returns the attributes that join a field with its hint and its faults.
func (d startData) Described(id string, hint bool) template.HTMLAttr {
	var by, invalid string
	if hint {
		by = id + "-hint"
	}
	if len(d.Shown(id)) > 0 {
		by += " " + id + "-fault"
		invalid = ` aria-invalid="true"`
	}
	if by == "" {
		return ""
	}
	return template.HTMLAttr(`aria-describedby="` + template.HTMLEscapeString(by) + `"` + invalid)
}

// More reports whether the fields that few forms need are open.
func (d startData) More() bool {
	if d.Labels.filled() || d.StartAt != "" || d.Callback != "" {
		return true
	}
	return d.Checked && slices.ContainsFunc(d.Faults, func(one fault) bool {
		return one.Field == "zone" || one.Field == "start-at" || one.Field == "callback"
	})
}

// Overrides reports whether the form has fields for overrides.
func (d startData) Overrides() bool {
	return d.AllowsTasks() || d.AllowsTimeout() || slices.ContainsFunc(d.Containers, func(c containerFields) bool {
		return d.AllowsArgs(c) || d.AllowsEnv(c)
	})
}

// Full returns the budgets that have no room for the request.
func (d startData) Full() (full []runwith.Budget) {
	if d.Estimate == nil {
		return nil
	}
	for _, b := range d.Estimate.Budgets {
		if b.Fits != nil && !*b.Fits {
			full = append(full, b)
		}
	}
	return full
}

// list is a list of fields as the page draws it.
type list struct {
	At    string
	Plain bool
	Rows  []drawnRow
	Names []string // the only names; nil: any
	What  string   // one row for people
	Page  startData
	// Container is added to the labels of fields, if there are several.
	Container string
}

// drawnRow is one row with its place.
type drawnRow struct {
	listRow

	ID     string
	Number int
}

// List returns a list to draw, with empty rows at its end.
func (d startData) List(r rows, what, container string, names []string) list {
	l := list{At: r.at, Plain: r.plain, Names: names, What: what, Page: d, Container: container}
	for i, one := range r.padded() {
		l.Rows = append(l.Rows, drawnRow{one, r.id(i), i + 1})
	}
	return l
}

// Other reports whether a row has a name that is not allowed, which is kept until the visitor
// changes it.
func (l list) Other(name string) bool { return name != "" && !slices.Contains(l.Names, name) }

// PreviewPath is where the form is sent for a preview.
func (d startData) PreviewPath() string {
	return "/jobs/" + url.PathEscape(d.Job.Name) + "/start/preview"
}

// Named returns what people call a field.
func (d startData) Named(field string) string {
	name, is := map[string]string{
		"tasks": "tasks", "timeout": "timeout", "start-at": "start at", "zone": "time zone", "callback": "callback URL",
	}[field]
	if is {
		return name
	}
	if name, is := strings.CutPrefix(field, "p."); is {
		return brief(name)
	}
	return d.namedRow(field)
}

// namedRow returns what people call a row of a list, or the list itself.
func (d startData) namedRow(field string) string {
	name := "arguments"
	if n, is := strings.CutPrefix(field, d.Labels.at+"."); is {
		return "label " + next(n)
	}
	for _, c := range d.Containers {
		if n, is := strings.CutPrefix(field, c.Args.at+"."); is {
			name = "argument " + next(n)
		}
		if n, is := strings.CutPrefix(field, c.Env.at+"."); is {
			name = "variable " + next(n)
		}
	}
	return name
}

// next returns the number of a row for people, who count from 1.
func next(index string) string {
	n, _ := strconv.Atoi(index) // it is digits
	return strconv.Itoa(n + 1)
}
