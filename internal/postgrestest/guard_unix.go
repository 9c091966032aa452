//go:build unix

package postgrestest

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// guard is a process that ends a server and removes its folder when its standard input ends. The
// operating system closes that input if the test is killed.
type guard struct {
	process *exec.Cmd
	input   io.WriteCloser
}

// orders is the guard's script. Each line that it reads is the process ID of the server, and an
// empty line means that none runs. It does not wait for ever, because nobody may collect the
// server's remains.
const orders = `
server=
while read -r line; do server=$line; done
if [ -n "$server" ]; then
	kill -QUIT "$server"
	kill -CONT "$server"
	tries=0
	while kill -0 "$server" && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
fi 2>/dev/null
rm -rf "$1"
`

// watch starts the guard of a folder.
func watch(folder string) (*guard, error) {
	g := &guard{process: exec.Command("sh", "-c", orders, "guard", folder)}
	g.process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var err error
	if g.input, err = g.process.StdinPipe(); err != nil {
		return nil, err
	}
	return g, g.process.Start()
}

// know hands the server's process ID to the guard, or 0 if none runs.
func (g *guard) know(server int) error {
	line := "\n"
	if server != 0 {
		line = fmt.Sprintln(server)
	}
	_, err := io.WriteString(g.input, line)
	return err
}

// end ends the server, and removes the folder.
func (g *guard) end() error {
	if err := g.input.Close(); err != nil {
		return err
	}
	return g.process.Wait()
}
