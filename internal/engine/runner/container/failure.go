package container

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/runwith/runwith"
	"github.com/runwith/runwith/internal/engine/runner"
)

// ignoreGone turns "not found" into success.
func ignoreGone(err error) error {
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return err
}

// messageOf returns the daemon's message, without the client's prefix.
func messageOf(err error) string {
	return strings.TrimPrefix(err.Error(), "Error response from daemon: ")
}

// away reports whether an error means only that the daemon does not answer now, or went
// away before it answered.
func away(err error) bool {
	for _, cut := range []error{context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, cut) {
			return true
		}
	}
	_, broken := errors.AsType[*net.OpError](err)
	return broken || client.IsErrConnectionFailed(err) || cerrdefs.IsUnavailable(err)
}

// startError names the cause, and the next step, of a container that does not start.
func startError(index int, image string, err error) error {
	message := messageOf(err)
	field := func(name, format string, args ...any) error {
		e := runner.Refuse(fmt.Sprintf("containers[%d].%s", index, name), format, args...)
		e.Err = err
		return e
	}
	says := func(parts ...string) bool {
		for _, part := range parts {
			if strings.Contains(strings.ToLower(message), part) {
				return true
			}
		}
		return false
	}
	switch {
	case away(err):
		return unavailable(err)
	case errors.Is(err, context.Canceled):
		return err
	case says("no command specified", "no command or entrypoint"):
		return field("command", "image %q has neither an entrypoint nor a command; set a command", image)
	case says("executable file not found", "no such file or directory", "permission denied", "not a directory", "is a directory"):
		return field("command", "image %q cannot run its command: %s", image, message)
	case says("too many open files", "temporarily unavailable", "cannot allocate memory", "no space left", "timed out", "timeout"):
		return unavailable(err) // the machine has no room now
	}
	return field("image", "the container cannot be started: %s", message)
}

// unavailable is the error of a daemon that may succeed when it is asked again.
func unavailable(err error) error {
	return &runwith.Error{
		Code:    runwith.Unavailable,
		Message: "the container's daemon could not do it now: " + messageOf(err),
		Err:     err,
	}
}
