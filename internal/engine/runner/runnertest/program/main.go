//go:build unix

// Program is the program of runnertest's tasks, for images: see [runnertest.RunTask].
package main

import "github.com/runwith/runwith/internal/engine/runner/runnertest"

func main() { runnertest.RunTask() }
