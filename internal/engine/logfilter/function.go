package logfilter

import (
	"net/url"
	"slices"
	"strings"
)

// unsupported are the functions of the language that a filter here must do without.
// https://cloud.google.com/logging/docs/view/logging-query-language#functions
var unsupported = []string{"SEARCH", "cast", "ip_in_net", "regexp_extract", "sample", "source"}

// function reads log_id("run.googleapis.com/stdout"). Its argument is the log ID without
// escapes.
func (p *parser) function(name string, begin int) (expr, error) {
	if !strings.EqualFold(name, LogID) {
		return nil, p.refuseFunction(name, begin)
	}
	p.pos++
	p.skip()
	id, err := p.logID()
	if err != nil {
		return nil, err
	}
	if p.skip(); !p.at(")") {
		return nil, p.fault(`")"`)
	}
	p.pos++
	return logID{newLiteral(url.PathEscape(id), true), id}, nil
}

func (p *parser) logID() (string, error) {
	if p.atQuote() {
		return p.quoted(false)
	}
	run := p.run()
	if run == "" || isKeyword(run) {
		return "", p.fault("the log's ID between quotes")
	}
	p.pos += len(run)
	return run, nil
}

// refuseFunction refuses a function by its name.
func (p *parser) refuseFunction(name string, begin int) error {
	same := func(other string) bool { return strings.EqualFold(name, other) }
	if i := slices.IndexFunc(unsupported, same); i >= 0 {
		return p.faultAt(begin, "the function %s is not supported here, only log_id is", unsupported[i])
	}
	return p.faultAt(begin, "the query language has no function %.40s; a text with a parenthesis stands between quotes", name)
}
