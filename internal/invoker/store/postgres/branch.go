package postgres

import (
	"slices"

	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
)

// isEnded has the terminal states.
const isEnded = `state IN ('succeeded', 'failed', 'cancelled', 'refused')`

// branch is a part of the rows that a list selects, in ranges of one index. Empty fields match any.
type branch struct {
	owner  string
	source string   // whose owner is its own; trigger/ or schedule/ stands for all of a kind
	jobs   []string // one of them
	states []string // one of them
	ended  bool     // the states are terminal
}

// branches returns the parts of a list. The rows that the reader owns are one part, and those of
// visible jobs another. If the query names states, each of them is split again into rows that have
// ended and rows that have not.
func branches(q store.Query) (all []branch) {
	var ended, others []string
	for _, state := range slices.Compact(slices.Sorted(slices.Values(q.States))) { // each range once
		if state.Terminal() {
			ended = append(ended, string(state))
		} else {
			others = append(others, string(state))
		}
	}
	for _, b := range visible(q) {
		if len(q.States) == 0 {
			all = append(all, b)
		}
		if b.states, b.ended = others, false; len(others) > 0 {
			all = append(all, b)
		}
		if b.states, b.ended = ended, true; len(ended) > 0 {
			all = append(all, b)
		}
	}
	return all
}

// visible returns the parts of a list that may be seen.
func visible(q store.Query) (all []branch) {
	b := branch{owner: q.Owner, source: q.Source}
	if q.Job != "" {
		b.jobs = []string{q.Job}
	}
	if q.Source != "" && !ledger.EverySource(q.Source) {
		if b.owner = ledger.OwnerOf(q.Source); q.Owner != "" && q.Owner != b.owner {
			return nil
		}
	}
	if q.Visible == nil {
		return []branch{b}
	}
	own := b
	if own.owner = q.Visible.Owner; own.owner != "" && (b.owner == "" || b.owner == own.owner) {
		all = append(all, own)
	}
	b.jobs = slices.Compact(slices.Sorted(slices.Values(q.Visible.Jobs)))
	if q.Job != "" {
		b.jobs = slices.DeleteFunc(b.jobs, func(job string) bool { return job != q.Job })
	}
	if len(b.jobs) > 0 {
		all = append(all, b)
	}
	return all
}

// owned reports whether the branch selects rows by owner. A trigger or schedule owns the rows that
// it has started, so a source selects by owner too.
func (b *branch) owned() bool { return b.owner != "" || b.source != "" }

// filter adds the conditions of the branch that its ranges do not have.
func (b *branch) filter(c *conditions, q store.Query) {
	c.add("owner = %s", b.owner, b.owner != "")
	c.add("starts_with(source, %s)", b.source, ledger.EverySource(b.source))
	c.add("job = ANY(%s)", b.jobs, len(b.jobs) > 0)
	c.add("state = ANY(%s)", b.states, len(b.states) > 0)
	c.add("rerun_of = %s", q.RerunOf, q.RerunOf != "")
	c.only("finished = 'epoch'", q.Unfinished)
}

// rangesOfSource adds the ranges of a source, or of all of a kind.
func (p *page) rangesOfSource(source string) {
	if ledger.EverySource(source) {
		p.eachFound("source", p.sources(source))
	} else {
		p.eachOf("source", source)
	}
	p.only("source <> ''", true) // the condition of the index
}

// rangesOfOwner adds the ranges of the owners of a branch.
func (p *page) rangesOfOwner(b *branch) {
	switch {
	case b.owner != "":
		p.eachOf("owner", b.owner)
		if ledger.EverySource(b.source) { // all of the owner's rows are of one source, or of none
			p.only(`starts_with((SELECT source FROM invocations AS i WHERE i.owner = `+p.arg(b.owner)+` LIMIT 1), `+p.arg(b.source)+`)`, true)
		}
	case b.source != "":
		p.eachFound("owner", `SELECT (SELECT i.owner FROM invocations AS i WHERE i.source = sources.value AND i.source <> '' LIMIT 1)
			FROM (`+p.sources(b.source)+`) AS sources`)
	}
	b.owner, b.source = "", ""
}

// rangesOfJobs adds the ranges of the jobs of a branch.
func (p *page) rangesOfJobs(b *branch) {
	if len(b.jobs) > 0 {
		p.eachOf("job", b.jobs...)
	}
	b.jobs = nil
}

// rangesOfEnded adds the ranges of rows that have ended. The index of an owner has the job before
// the state, so without a job in the query there is a range for each job of the owner.
func (p *page) rangesOfEnded(b *branch) {
	p.rangesOfOwner(b)
	if len(b.jobs) == 0 {
		owner := len(p.ranges) - 1
		p.eachFound("job", distinct("invocations", "job", "owner = "+p.value(owner)))
	}
	p.rangesOfJobs(b)
	p.eachOf("state", b.states...)
	p.only(isEnded, true) // the condition of the index
	b.states = nil
}

// sources returns the query for the names of the sources of a kind that have started something.
func (p *page) sources(kind string) string {
	return distinct("invocations", "source", "source <> '' AND source >= "+p.arg(kind)+" AND source < "+p.arg(kind+greatest))
}
