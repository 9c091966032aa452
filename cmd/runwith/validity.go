package main

import (
	"errors"
	"fmt"
	"net"

	"github.com/runwith/runwith/internal/guard"
	"github.com/runwith/runwith/internal/invoker/cloudrun"
	"github.com/runwith/runwith/internal/jobspec"
	httpserver "github.com/runwith/runwith/internal/server"
)

// validate reports mistakes in the flags of up and engine, before anything opens.
func (f *stackFlags) validate() error {
	_, images := parseImages(f.what.images)
	_, faults := f.what.faults.plan()
	return errors.Join(f.to.validate(false), validPlace(f.place.project, f.place.region), f.what.validate(), images, faults)
}

// validate reports mistakes that the types of the flags do not catch. A server that
// authenticates its callers may listen on every address.
func (f *listenFlags) validate(authenticates bool) error {
	if err := validAddr(f.addr, authenticates || f.allowUnauthenticated); err != nil {
		return misused("--%w", err)
	}
	if f.metricsAddr != "" {
		if err := validAddr(f.metricsAddr, true); err != nil {
			return misused("--metrics-%w", err)
		}
	}
	for _, name := range f.allowHosts {
		if err := (guard.Config{AllowHosts: []string{name}}).Validate(); err != nil {
			return misused("--%w", err) // it names allow-host
		}
	}
	return nil
}

// validAddr reports an address on which a server cannot or must not listen, as addr.
func validAddr(addr string, allowUnauthenticated bool) error {
	if err := httpserver.CheckBind(addr, allowUnauthenticated); err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(addr) // CheckBind has split it
	if _, err := net.LookupPort("tcp", port); err != nil {
		return fmt.Errorf("addr %s: the port must be a number from 0 to 65535", addr)
	}
	return nil
}

// validPlace reports a project or a region that Cloud Run cannot have.
func validPlace(project, region string) error {
	if _, err := jobspec.ParseLocation(jobspec.Location{Project: project, Region: defaultRegion}.String()); err != nil {
		return misused("--project %q: must be the ID or number of a project, such as my-project", project)
	}
	if _, err := jobspec.ParseLocation(jobspec.Location{Project: defaultProject, Region: region}.String()); err != nil {
		return misused("--region %q: must be a region, such as us-east4", region)
	}
	return nil
}

// validCloudRun reports mistakes in the flags that choose a Cloud Run.
func validCloudRun(c cloudrun.Config) error {
	if err := validPlace(c.Project, c.Region); err != nil {
		return err
	}
	if err := c.Validate(); err != nil {
		return misused("--%w", err) // it names the endpoint
	}
	return nil
}
