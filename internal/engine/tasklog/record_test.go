package tasklog

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestRecordFormat has records of earlier versions.
func TestRecordFormat(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]record{
		"1795457526000000000 0 1 o 5\nhello\n": {time: 1795457526000000000, attempt: 1, kind: stdout, text: []byte("hello")},
		"1000 9999 10 e+ 0\n\n":                {time: 1000, task: 9999, attempt: 10, kind: stderr, continued: true, text: []byte{}},
		"1000 0 0 x 3\ncut\n":                  {time: 1000, kind: cut, text: []byte("cut")},
		"1000 2 0 e+12 2\nab\n":                {time: 1000, task: 2, container: 12, kind: stderr, continued: true, text: []byte("ab")},
		"1000 0 0 sW 2\na\n\n":                 {time: 1000, kind: system, level: Warning, text: []byte("a\n")},
	} {
		var got record
		size, err := got.parse([]byte(stored + "what follows"))
		if err != nil || size != len(stored) {
			t.Errorf("parse(%q) = %d, %v, want %d", stored, size, err, len(stored))
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(record{})); diff != "" {
			t.Errorf("parse(%q) differs (-want +got):\n%s", stored, diff)
		}
		if encoded := string(want.encode(nil)); encoded != stored {
			t.Errorf("encode() = %q, want %q", encoded, stored)
		}
	}
}

// FuzzRecord parses arbitrary bytes. Parsing must stay within them, and encoding a parsed
// record must give the same bytes.
func FuzzRecord(f *testing.F) {
	whole := record{time: 1795457526000000000, task: 1, attempt: 2, kind: stderr, continued: true, text: []byte("hello\nworld")}.encode(nil)
	for _, seed := range [][]byte{
		whole, append(whole, whole...), whole[:20], []byte("1 2 3 o -1\n"), []byte("a b c d e\n"), []byte("1 2 3 o 99999999\nx"), []byte("1 2 3 o007 0\n\n"), []byte("1 2 3 o1000 0\n\n"),
		[]byte("1 2 3 sI 0\n\n"), []byte("99999999999999999999 2 3 o 0\n\n"), []byte("1 99999999999 3 o 0\n\n"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for len(data) > 0 {
			var rec, again record
			size, err := rec.parse(data)
			if err != nil {
				if !errors.Is(err, errTorn) {
					t.Fatalf("parse() = %v, want errTorn", err)
				}
				return
			}
			if size <= 0 || size > len(data) {
				t.Fatalf("parse() took %d bytes of %d", size, len(data))
			}
			data = data[size:]
			if _, err := again.parse(rec.encode(nil)); err != nil {
				t.Fatalf("parse() of the record %+v that was encoded = %v", rec, err)
			}
			if diff := cmp.Diff(rec, again, cmp.AllowUnexported(record{})); diff != "" {
				t.Fatalf("record after encoding (-want +got):\n%s", diff)
			}
		}
	})
}

// TestRecordsOfNanoseconds reads a log of an older version, whose index is stored too. The
// last record of one block and the first of the next are of the same microsecond.
func TestRecordsOfNanoseconds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var data, stored []byte
	var x index
	for _, r := range []record{
		{time: 1_000_100, kind: stdout, text: bytes.Repeat([]byte("a"), blockSize)},
		{time: 1_000_900, kind: stdout, text: []byte("b")},
	} {
		data = r.encode(data)
		x.add(r, len(data)-int(x.size()))
	}
	for _, b := range x.all() {
		stored = b.encode(stored)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(dir, "x.log"), data, 0o600), os.WriteFile(filepath.Join(dir, "x.idx"), stored, 0o600)); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := time.Unix(0, 1_000_000).UTC()
	n := 0
	for e, err := range s.Read(t.Context(), "x", Query{Since: want, Until: want}) {
		if n++; err != nil || e.Time != want {
			t.Errorf("entry %d = %v, %v, want the time %v", n, e.Time, err, want)
		}
	}
	if n != 2 {
		t.Errorf("%d entries at the time that entries show, want 2", n)
	}
}
