package sqlite

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
)

// sumSuffix names the checksum of a closed database, beside its file. SQLite's own check
// does not see a changed value. While a database is open it has no checksum.
const sumSuffix = ".sum"

// sumMatches reports whether the file has a checksum, and returns an error if that is
// another file's.
func sumMatches(path string) (intact bool, err error) {
	want, err := os.ReadFile(path + sumSuffix)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	got, err := sumOf(path)
	switch {
	case err != nil:
		return false, err
	case len(want) != len(got) || !strings.HasSuffix(string(want), "\n"):
		return false, nil // a crash left only a part of it
	case string(want) != got:
		return false, fmt.Errorf("it is not as runwith left it; if you have replaced it yourself, remove %s", path+sumSuffix)
	}
	return true, nil
}

// saveSum writes the checksum of a closed database. A WAL that is left, for example on a
// full disk, belongs to the database: then there is none.
func saveSum(path string) error {
	if wal, err := size(path + "-wal"); err != nil || wal > 0 {
		return err
	}
	sum, err := sumOf(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path+sumSuffix, []byte(sum), 0o600)
}

// dropSum removes the checksum of a database that is about to change. The sync of the first
// commit, which adds the WAL to the same folder, makes the removal durable.
func dropSum(path string) error {
	if err := os.Remove(path + sumSuffix); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// sumOf returns the CRC-32C and the size of a file, as text of a fixed length.
func sumOf(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	n, err := io.Copy(sum, file)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%08x %020d\n", sum.Sum32(), n), nil
}
