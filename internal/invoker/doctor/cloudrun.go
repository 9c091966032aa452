package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
)

// credential reports the credential, and whether there is one if it is needed.
func (e *examination) credential(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	switch c, err := cloudrun.CredentialOf(ctx, e.CloudRun); {
	case err != nil:
		e.problem("token", "", "%v", err)
		return false
	case c.Kind == "":
		e.ok("token", "", "none, and %s is on this machine", e.CloudRun.Endpoint)
	default:
		e.ok("token", "", "%s", credentialText(c))
	}
	return true
}

// placed reports whether project and region are set.
func (e *examination) placed() bool {
	var flags, variables []string
	for _, one := range [][2]string{{"project", e.CloudRun.Project}, {"region", e.CloudRun.Region}} {
		if one[1] == "" {
			flags, variables = append(flags, "--"+one[0]), append(variables, "RUNWITH_"+strings.ToUpper(one[0]))
		}
	}
	if len(flags) > 0 {
		e.problem("project", "", "is not known: give %s, or set %s", strings.Join(flags, " and "), strings.Join(variables, " and "))
	}
	return len(flags) == 0
}

func credentialText(c cloudrun.Credential) string {
	text := c.Kind
	if c.Account != "" {
		text += " " + c.Account
	}
	if !c.Expiry.IsZero() {
		text += fmt.Sprintf(", for another %v", time.Until(c.Expiry).Round(time.Second))
	}
	return text
}

// place reports whether project and region exist and can be asked.
func (e *examination) place(ctx context.Context, client *cloudrun.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	at := e.CloudRun.Project + ", " + e.CloudRun.Region
	if e.Home != nil {
		home, err := e.Home(ctx)
		switch {
		case err != nil:
			e.problem("project", at, "%s cannot be asked: start it, or correct --endpoint (%v)", e.CloudRun.Endpoint, withoutURL(err))
			return false
		case home.Project != e.CloudRun.Project || home.Region != e.CloudRun.Region:
			e.problem("project", at, "the engine at %s is in project %s and region %s: give --project %[2]s --region %[3]s",
				e.CloudRun.Endpoint, home.Project, home.Region)
			return false
		}
	}
	for _, err := range client.Jobs(ctx) {
		if err != nil && runwith.CodeOf(err) != runwith.PermissionDenied { // the invoker need not list jobs
			e.problem("project", at, "jobs cannot be listed (%s): %v", runwith.CodeOf(err), err)
			return false
		}
		break
	}
	e.ok("project", at, "%s answers", e.endpoint())
	return true
}

func (e *examination) endpoint() string {
	if e.CloudRun.Endpoint == "" {
		return "Google's Cloud Run"
	}
	return e.CloudRun.Endpoint
}

// maxListed is how many jobs are examined without a configuration file.
const maxListed = 20

// jobs reports each job of the file, or of the region without one.
func (e *examination) jobs(ctx context.Context, client *cloudrun.Client) {
	if e.File == nil {
		e.listedJobs(ctx, client)
		return
	}
	if len(e.File.Jobs) == 0 {
		e.skip("job", "", "the configuration file has none")
	}
	for _, name := range slices.Sorted(maps.Keys(e.File.Jobs)) {
		target := e.File.Jobs[name].CloudRun
		if target == "" {
			target = name
		}
		e.job(ctx, client, name, target)
	}
}

func (e *examination) listedJobs(ctx context.Context, client *cloudrun.Client) {
	n := 0
	for job, err := range client.Jobs(ctx) {
		if err != nil {
			e.skip("job", "", "not examined, because jobs cannot be listed: %v", err)
			return
		}
		if n++; n > maxListed {
			e.skip("job", "", "only the first %d jobs are examined: list those that matter in a configuration file (--config)", maxListed)
			return
		}
		e.job(ctx, client, job.GetName()[strings.LastIndexByte(job.GetName(), '/')+1:], job.GetName())
	}
	if n == 0 {
		e.skip("job", "", "there is none yet in %s of project %s", e.CloudRun.Region, e.CloudRun.Project)
	}
}

// job reports whether a job exists and may be started and watched.
func (e *examination) job(ctx context.Context, client *cloudrun.Client, name, target string) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if _, err := client.Job(ctx, target); err != nil {
		e.noJob(name, target, err)
		return
	}
	lacking, err := client.Lacking(ctx, target, cloudrun.Permissions())
	switch {
	case err != nil:
		e.problem("job", name, "its permissions cannot be tested (%s): %v", runwith.CodeOf(err), err)
	case len(lacking) > 0:
		e.problem("job", name, "the credential lacks %s: grant roles/run.jobsExecutorWithOverrides and roles/run.viewer on %s", strings.Join(lacking, ", "), target)
	default:
		e.ok("job", name, "exists, and may be started, watched and cancelled")
	}
}

func (e *examination) noJob(name, target string, err error) {
	switch runwith.CodeOf(err) {
	case runwith.NotFound:
		e.problem("job", name, "%s does not exist in %s: create it, or correct cloudRun in the configuration file", target, e.endpoint())
	case runwith.PermissionDenied:
		e.problem("job", name, "the credential may not read %s (run.jobs.get), or the job does not exist: grant roles/run.viewer", target)
	default:
		e.problem("job", name, "%s cannot be read (%s): %v", target, runwith.CodeOf(err), err)
	}
}

// logs reports whether the output of jobs can be read.
func (e *examination) logs(ctx context.Context, client *cloudrun.Client) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	switch err := client.CheckLogs(ctx); runwith.CodeOf(err) {
	case runwith.OK:
		e.ok("logs", e.CloudRun.Project, "the output of jobs can be read")
	case runwith.PermissionDenied:
		e.problem("logs", e.CloudRun.Project, "the credential lacks logging.logEntries.list: grant roles/logging.viewer on the project")
	default:
		e.problem("logs", e.CloudRun.Project, "the output of jobs cannot be read (%s): %v", runwith.CodeOf(err), err)
	}
}
