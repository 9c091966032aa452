package console

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/runwith/runwith"
)

// containerFields are the overrides of one container.
type containerFields struct {
	Name  string // empty for the only one
	Index int
	// Replace sends the arguments. Otherwise the job's own stay.
	Replace bool
	Args    rows
	// Blank makes empty fields empty arguments. Otherwise they are left out.
	Blank bool
	Env   rows
}

// newContainerFields returns the fields of a container, with the job's own arguments to begin
// with.
func newContainerFields(job runwith.Job, index int) containerFields {
	c := containerFields{Index: index}
	at := "c" + strconv.Itoa(index)
	c.Args, c.Env = rows{at: at + ".arg", plain: true}, rows{at: at + ".env"}
	if index < len(job.Containers) {
		c.setArgs(job.Containers[index].Args)
	}
	if len(job.Containers) > 1 {
		c.Name = job.Containers[index].Name
	}
	return c
}

// At begins the names of the fields.
func (c containerFields) At() string { return "c" + strconv.Itoa(c.Index) }

func (c *containerFields) setArgs(args []string) {
	c.Args.all = make([]listRow, len(args))
	for i, arg := range args {
		c.Args.all[i].Value = arg
	}
	c.Blank = slices.Contains(args, "")
}

func (c *containerFields) read(sent url.Values) {
	c.Replace, c.Blank = sent.Get(c.At()+".replace") != "", sent.Get(c.At()+".blank") != ""
	c.Args.read(sent)
	c.Env.read(sent)
}

// args returns the arguments of the request, nil for the job's own, and the row of each.
func (c *containerFields) args() (args []string, at []int) {
	if !c.Replace {
		return nil, nil
	}
	args = []string{}
	for i, one := range c.Args.all {
		if one.Value != "" || c.Blank {
			args, at = append(args, one.Value), append(at, i)
		}
	}
	return args, at
}

// set fills the fields with what a request has for the container.
func (c *containerFields) set(args []string, env map[string]string) {
	if args != nil {
		c.Replace = true
		c.setArgs(args)
	}
	c.Env.set(env)
}
