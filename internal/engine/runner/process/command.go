//go:build linux || darwin

package process

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"cloud.google.com/go/run/apiv2/runpb"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// command is a command line and its surroundings.
type command struct {
	file string // a relative path is relative to dir
	argv []string
	env  []string
	dir  string // Deviation: empty is the server's folder, not the image's
}

func (r *Runner) command(spec runner.Spec, home string) (*command, error) {
	container := spec.Template.GetContainers()[0]
	env, err := r.environment(container, spec, home)
	if err != nil {
		return nil, err
	}
	c := &command{argv: r.config.argv(container), dir: container.GetWorkingDir()}
	if err := checkFolder(c.dir); err != nil {
		return nil, err
	}
	if c.file, err = r.found.lookPath(c.argv[0], env["PATH"], c.dir); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		c.env = append(c.env, name+"="+env[name])
	}
	return c, nil
}

// environment returns the whole environment of the task. Only PATH comes from the
// server's own.
//
// Deviation: there is no image that could define PATH and HOME. The marker wins over a
// variable of the job with the same name.
func (r *Runner) environment(container *runpb.Container, spec runner.Spec, home string) (map[string]string, error) {
	env := map[string]string{"PATH": r.path, "HOME": home}
	maps.Copy(env, runner.MetadataEnv(r.config.Metadata))
	values, err := r.config.Secrets.Env(0, container)
	if err != nil {
		return nil, err
	}
	maps.Copy(env, values)
	maps.Copy(env, spec.Env)
	if r.config.MetadataProxy {
		runner.AddMetadataProxy(env, r.config.Metadata)
	}
	env[markerName] = r.marker.value(spec.ID)
	return env, nil
}

func checkFolder(dir string) error {
	if dir == "" {
		return nil
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		e := runwith.Errorf(runwith.FailedPrecondition,
			"template.template.containers[0].working_dir: there is no folder %q on this machine; make it, or leave the field out", dir)
		e.Err = err
		return e
	}
	return nil
}

// found caches where commands are, as shells do, because a PATH has many folders.
type found struct {
	mu    sync.Mutex
	files map[lookup]string
}

type lookup struct{ name, path, dir string }

// maxFound bounds the cache.
const maxFound = 1000

func (f *found) lookPath(name, path, dir string) (string, error) {
	key := lookup{name, path, dir}
	f.mu.Lock()
	file, known := f.files[key]
	f.mu.Unlock()
	if known && executable(file, dir) {
		return file, nil
	}
	file, err := lookPath(name, path, dir)
	if err != nil || !strings.Contains(file, "/") {
		return file, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files == nil || len(f.files) >= maxFound {
		f.files = make(map[lookup]string)
	}
	f.files[key] = file
	return file, nil
}

// lookPath finds a command as the task's shell would: in the task's PATH, relative to
// the task's folder.
func lookPath(name, path, dir string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, folder := range filepath.SplitList(path) {
		file := filepath.Join(folder, name)
		if !strings.Contains(file, "/") {
			file = "./" + file // an empty element, or "."
		}
		if executable(file, dir) {
			return file, nil
		}
	}
	return "", commandError(name, fs.ErrNotExist)
}

func executable(file, dir string) bool {
	if !filepath.IsAbs(file) {
		file = filepath.Join(dir, file)
	}
	info, err := os.Stat(file)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}

// fork starts the command in a process group of its own. It uses syscall.ForkExec,
// because the group must be killed between the main process's exit and its reaping,
// which an os.Process does in one step.
func (c *command) fork(stdin uintptr, p *pipes) (pid int, err error) {
	pid, err = syscall.ForkExec(c.file, c.argv, &syscall.ProcAttr{
		Dir:   c.dir,
		Env:   c.env,
		Files: []uintptr{stdin, uintptr(p.streams[0].writer), uintptr(p.streams[1].writer)},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return 0, commandError(c.argv[0], err)
	}
	return pid, nil
}

// commandError names the cause, and the next step, of a command that does not start.
func commandError(name string, err error) error {
	e := &runwith.Error{Code: runwith.FailedPrecondition, Err: err}
	const field = "template.template.containers[0].command: "
	switch errno, _ := errors.AsType[syscall.Errno](err); {
	case errors.Is(err, fs.ErrNotExist):
		e.Message = field + strconv.Quote(name) + " was not found (nor, for a script, what its #! line names); name a file of this machine, or a command in the PATH"
	case errors.Is(err, fs.ErrPermission):
		e.Message = field + strconv.Quote(name) + " may not be executed; make it executable (chmod +x)"
	case errno == syscall.ENOEXEC || errno == syscall.ENOTDIR || errno == syscall.EISDIR:
		e.Message = field + strconv.Quote(name) + " is no program of this machine (" + err.Error() + "); name one that is, or a script with a #! line"
	case errno == syscall.E2BIG:
		e.Message = "template.template.containers[0].args: arguments and environment are too long for this machine; pass less, or a file"
	case errno == syscall.EINVAL:
		e.Message = "template.template.containers[0]: a NUL byte is in the command, the arguments or the environment; take it out"
	default:
		e.Code = runwith.Unavailable
		e.Message = "the machine could not start a process (" + err.Error() + "); try again, or run fewer tasks at once (--max-tasks)"
	}
	return e
}
