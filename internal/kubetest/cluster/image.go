//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/runwith/runwith/internal/image"
)

// pauseImage is what holds the namespaces of a Pod.
const pauseImage = "localhost/runwith-test/pause:1"

// commands of busybox that the image with a shell has.
const commands = "awk cat cut date dd echo env expr false grep head hostname id ip kill ls mkdir nc printf ps rm sed seq " +
	"sh sleep sort stat tail test touch tr true uname wc wget yes"

// images writes the archives of all images into a folder. It returns their paths by name.
func images(folder string) (archives map[string]string, err error) {
	shell, err := shellFiles()
	if err != nil {
		return nil, err
	}
	program := func(path string) image.Entry {
		binary, e := image.Program(context.Background(), "github.com/runwith/runwith/"+path, runtime.GOARCH)
		err = errors.Join(err, e)
		return image.Entry{Name: filepath.Base(path), Mode: 0o755, Text: binary}
	}
	job := program("examples/test-job")
	archives = map[string]string{}
	for name, i := range map[string]struct {
		config v1.Config
		files  []image.Entry
	}{
		pauseImage:                       {v1.Config{Entrypoint: []string{"/bin/sleep", "2147483647"}}, shell},
		"localhost/runwith-test/shell:1": {v1.Config{Env: []string{"PATH=/bin"}, Cmd: []string{"sh"}}, shell},
		"localhost/runwith-test/suite:1": {v1.Config{}, []image.Entry{program("internal/engine/runner/runnertest/program")}},
		"localhost/runwith-test/job:1":   {v1.Config{Entrypoint: []string{"/test-job"}, Cmd: []string{"of-the-image"}}, []image.Entry{job}},
		"localhost/runwith-test/bare:1":  {v1.Config{}, []image.Entry{job}},
	} {
		archives[name] = filepath.Join(folder, "image"+strconv.Itoa(len(archives)))
		err = errors.Join(err, archive(archives[name], name, i.config, i.files))
	}
	return archives, err
}

// shellFiles returns a file system with busybox and its commands.
func shellFiles() ([]image.Entry, error) {
	program, err := busybox()
	files := []image.Entry{
		{Name: "bin", Mode: 0o755}, {Name: "tmp", Mode: 0o1777},
		{Name: "bin/busybox", Mode: 0o755, Text: program},
		{Name: "bin/foreign", Mode: 0o755, Text: foreignProgram()},
	}
	for name := range strings.FieldsSeq(commands) {
		files = append(files, image.Entry{Name: "bin/" + name, Link: "busybox"})
	}
	return files, err
}

// foreignProgram is the header of a program for the Alpha, an architecture that no test runs on.
func foreignProgram() []byte {
	const size, executable, alpha, version = 64, 2, 0x9026, 1
	header := append(make([]byte, 0, size), "\x7fELF\x02\x01\x01"...) // 64 bits, little-endian
	header = append(header, make([]byte, 9)...)
	header = binary.LittleEndian.AppendUint16(header, executable)
	header = binary.LittleEndian.AppendUint16(header, alpha)
	header = binary.LittleEndian.AppendUint32(header, version)
	return header[:size]
}

// archive builds an image and writes it to a file.
func archive(path, name string, c v1.Config, files []image.Entry) error {
	built, err := image.New(runtime.GOARCH, c, files...)
	if err != nil {
		return err
	}
	text, err := image.Archive(name, built)
	if err != nil {
		return err
	}
	defer text.Close()
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, text)
	return errors.Join(err, file.Close())
}
