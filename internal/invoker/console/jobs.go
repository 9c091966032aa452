package console

import (
	"cmp"
	"maps"
	"slices"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker"
	"github.com/runwith/runwith/internal/invoker/policy"
)

const (
	// listedEnds is how many invocations of each job the list of jobs sums up, and listedJobs
	// for how many jobs it does so: each is a read.
	listedEnds = 20
	listedJobs = 100
	// chartedEnds is how many the page of a job sums up.
	chartedEnds = 100
)

// jobRow is one job in the list.
type jobRow struct {
	runwith.Job
	recent

	MayStart bool
}

// jobs lists the jobs that the caller sees.
func (s *server) jobs(c *call) (page, error) {
	all, err := s.Invoker.Jobs(c.Context())
	if err != nil {
		return page{}, err
	}
	slices.SortFunc(all, func(a, b runwith.Job) int { return cmp.Compare(a.Name, b.Name) })
	rows := make([]jobRow, len(all))
	for i, job := range all {
		rows[i] = jobRow{Job: job, MayStart: s.Access.Can(c.Context(), job.Name, policy.Start)}
		if i >= listedJobs {
			continue
		}
		if rows[i].recent, err = s.recentOf(c, job.Name, listedEnds); err != nil {
			return page{}, err
		}
	}
	return page{Template: "jobs", Title: "Jobs", Nav: "/jobs", Data: rows}, nil
}

// jobData is the page of a job.
type jobData struct {
	jobRow

	Parameters []parameterRow
	Estimate   *runwith.JobEstimate // nil: it cannot be estimated now
}

// parameterRow is a parameter with its name.
type parameterRow struct {
	Name string
	runwith.Parameter
}

// job shows one job. What it costs is left out if Cloud Run does not say.
func (s *server) job(c *call) (page, error) {
	name := c.PathValue("job")
	job, err := s.Invoker.Job(c.Context(), name)
	if err != nil {
		return page{}, err
	}
	d := jobData{jobRow: jobRow{Job: job, MayStart: s.Access.Can(c.Context(), name, policy.Start)}, Parameters: parametersOf(job)}
	if d.recent, err = s.recentOf(c, name, chartedEnds); err != nil {
		return page{}, err
	}
	if d.MayStart {
		d.Estimate = s.estimateOf(c, name)
	}
	d.Rows = d.Rows[:min(len(d.Rows), listedEnds)]
	return page{Template: "job", Title: cmp.Or(job.Title, name), Nav: "/jobs", Data: d}, nil
}

// parametersOf returns the parameters of a job by name.
func parametersOf(job runwith.Job) (rows []parameterRow) {
	for _, name := range slices.Sorted(maps.Keys(job.Parameters)) {
		rows = append(rows, parameterRow{name, job.Parameters[name]})
	}
	return rows
}

// estimateOf returns what the job costs as it is, or nil if that is unknown now.
func (s *server) estimateOf(c *call, job string) *runwith.JobEstimate {
	e, err := s.Invoker.Estimate(c.Context(), invoker.EstimateQuery{Job: job})
	if err != nil {
		return nil
	}
	return &e
}
