package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/runwith/runwith/internal/invoker/callback"
)

// TestInterruptedFirstStart checks that a server which is stopped while it writes a secret leaves
// no part of it: no later start would work.
func TestInterruptedFirstStart(t *testing.T) {
	t.Parallel()
	for file, open := range map[string]func(data string) error{
		consoleKey: func(data string) error {
			_, err := consoleSecret(t.Context(), nil, data, false)
			return err
		},
		callbackSecret: func(data string) error {
			_, _, err := developmentRules(data, callback.Allowed{})
			return err
		},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			data := t.TempDir()
			inTheWay := filepath.Join(data, file+".tmp")
			if err := os.Mkdir(inTheWay, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := open(data); err == nil {
				t.Error("open a secret that cannot be written = nil, want an error")
			}
			if _, err := os.Stat(filepath.Join(data, file)); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the secret's file: %v, want none", err)
			}
			if err := os.Remove(inTheWay); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := open(data); err != nil {
					t.Errorf("open the secret at a later start = %v, want no error", err)
				}
			}
		})
	}
}
