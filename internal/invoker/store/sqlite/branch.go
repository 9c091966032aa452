package sqlite

import (
	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/ledger"
	"github.com/runwith/runwith/internal/invoker/store"
	"github.com/runwith/runwith/internal/sqlite"
)

// branch is a part of the rows that a query selects, which one index has in the order of
// their IDs. Empty fields match any.
type branch struct {
	owner, job string
	state      runwith.State
	source     string // which is the owner
	whole      bool   // all that the query may see
}

// branches returns the parts of a query: the owner's rows and the rows of each visible job, of
// each source and of each state.
func branches(tx *sqlite.Tx, q store.Query) (all []branch, err error) {
	parts := visible(q)
	if q.Source != "" {
		if parts, err = startedBy(tx, parts, q.Source); err != nil {
			return nil, err
		}
	}
	if len(q.States) == 0 {
		return parts, nil
	}
	for _, state := range q.States {
		if inOnePass(q, state) {
			all = append(all, branch{state: state, whole: true})
			continue
		}
		for _, b := range parts {
			b.state = state
			some, err := b.byJob(tx, q)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
	}
	return all, nil
}

// inOnePass reports whether all rows in a state are read once, instead of once for each part: no index
// has live rows by job or owner, because each move would write it.
func inOnePass(q store.Query, state runwith.State) bool {
	return !state.Terminal() && q.RerunOf == "" && len(q.Labels) == 0 && (q.Source == "" || !q.Unfinished)
}

// visible returns the parts of a query that may be seen.
func visible(q store.Query) (all []branch) {
	if q.Visible == nil {
		return []branch{{owner: q.Owner, job: q.Job}}
	}
	if own := q.Visible.Owner; own != "" && (q.Owner == "" || q.Owner == own) {
		all = append(all, branch{owner: own, job: q.Job})
	}
	for _, job := range q.Visible.Jobs {
		if q.Job == "" || q.Job == job {
			all = append(all, branch{owner: q.Owner, job: job})
		}
	}
	return all
}

// startedBy returns the parts of some branches that a source has started, or each source of its
// kind. A source owns these rows, so their indexes are those of owners.
func startedBy(tx *sqlite.Tx, parts []branch, source string) (all []branch, err error) {
	sources := []string{source}
	if ledger.EverySource(source) {
		if sources, err = sourcesOf(tx, source); err != nil {
			return nil, err
		}
	}
	for _, b := range parts {
		for _, b.source = range sources {
			if owner := ledger.OwnerOf(b.source); b.owner == "" || b.owner == owner {
				all = append(all, branch{owner: owner, job: b.job, source: b.source})
			}
		}
	}
	return all, nil
}

// byJob returns the parts of a branch for each job of its owner, if it reads an index of ended rows:
// that needs the job.
func (b branch) byJob(tx *sqlite.Tx, q store.Query) ([]branch, error) {
	if b.owner == "" || b.job != "" || b.index(q) != endedByOwner {
		return []branch{b}, nil
	}
	jobs, err := texts(tx, `WITH RECURSIVE jobs(job) AS (
			SELECT min(job) FROM invocations INDEXED BY invocations_by_owner_job WHERE owner = ?1
			UNION ALL
			SELECT (SELECT min(job) FROM invocations INDEXED BY invocations_by_owner_job WHERE owner = ?1 AND job > jobs.job)
			FROM jobs WHERE jobs.job IS NOT NULL
		) SELECT job FROM jobs WHERE job IS NOT NULL`, b.owner)
	all := make([]branch, len(jobs))
	for i, job := range jobs {
		all[i] = b
		all[i].job = job
	}
	return all, err
}

// isEnded has the terminal states.
const isEnded = `state IN ('succeeded', 'failed', 'cancelled', 'refused')`

// The indexes of lists.
const (
	byRerun    = "invocations_by_rerun"
	unfinished = "invocations_unfinished"
	byState    = "invocations_by_state"
	byOwner    = "invocations_by_owner"
	byOwnerJob = "invocations_by_owner_job"
	byJob      = "invocations_by_job"
	// What has ended.
	endedByOwner, endedByJob = "invocations_ended_by_owner", "invocations_ended_by_job"
)

// index returns the index to read, or nothing for the primary key.
func (b branch) index(q store.Query) string {
	switch {
	case q.RerunOf != "":
		return byRerun
	case b.source != "" && q.Unfinished:
		return unfinished
	case b.state != "" && (!b.state.Terminal() || b.owner == "" && b.job == ""):
		return byState
	case b.state != "" && b.owner != "":
		return endedByOwner
	case b.state != "":
		return endedByJob
	case b.owner != "" && b.job != "":
		return byOwnerJob
	case b.owner != "":
		return byOwner
	case b.job != "":
		return byJob
	}
	return ""
}

// rows returns the statement for the rows of a branch, newest first.
func (b branch) rows(selects string, q store.Query) (query string, args []any) {
	c := conditions{where: []string{"1"}}
	c.add("owner = ?", b.owner, b.owner != "")
	c.add("id > ?", q.After, q.After != "")
	c.add("id < ?", q.Before, q.Before != "")
	b.limit(&c, q)
	c.labelled("invocations", q.Labels)
	index := b.index(q)
	c.only(isEnded, index == endedByOwner || index == endedByJob) // the condition of the index
	if index != "" {
		selects += ` INDEXED BY ` + index
	}
	return selects + ` WHERE ` + c.String() + ` ORDER BY id DESC LIMIT ?`, append(c.args, q.Limit)
}

// limit adds the conditions on the columns of invocations that no other table has.
func (b branch) limit(c *conditions, q store.Query) {
	c.add("job = ?", b.job, b.job != "")
	c.add("state = ?", string(b.state), b.state != "")
	c.add("source = ?", b.source, b.source != "" && q.Unfinished)
	c.only("source <> ''", b.source != "" && q.Unfinished) // the condition of the index
	c.add("rerun_of = ?", q.RerunOf, q.RerunOf != "")
	c.only("rerun_of <> ''", q.RerunOf != "") // the condition of the index
	c.only("finished = 0", q.Unfinished)
	if b.whole {
		c.parts(q)
	}
}

// parts adds the conditions that otherwise make the parts of a query.
func (c *conditions) parts(q store.Query) {
	c.add("job = ?", q.Job, q.Job != "")
	c.add("owner = ?", q.Owner, q.Owner != "")
	switch {
	case ledger.EverySource(q.Source):
		c.where = append(c.where, "source >= ? AND source < ?")
		c.args = append(c.args, q.Source, q.Source+"\U0010FFFF")
	case q.Source != "":
		c.add("source = ?", q.Source, true)
	}
	if v := q.Visible; v != nil {
		c.where = append(c.where, "(? <> '' AND owner = ? OR job IN (SELECT value FROM json_each(?)))")
		c.args = append(c.args, v.Owner, v.Owner, encode(append([]string{}, v.Jobs...), true))
	}
}
