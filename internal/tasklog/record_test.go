package tasklog

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
)

// FuzzReadRecord reads arbitrary bytes: it ends, stays within the bytes, and what
// it reads is what encoding it again gives.
func FuzzReadRecord(f *testing.F) {
	whole := record{time: 1795457526000000000, task: 1, attempt: 2, flags: "e+", text: []byte("hello\nworld")}.encode(nil)
	for _, seed := range [][]byte{whole, append(whole, whole...), whole[:20], []byte("1 2 3 o -1\n"), []byte("a b c d e\n"), []byte("1 2 3 o 99999999\nx")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		var read int64
		for {
			rec, n, err := readRecord(r)
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, errTorn) {
					t.Fatalf("readRecord() = %v, want io.EOF or errTorn", err)
				}
				return
			}
			if n <= 0 || read+n > int64(len(data)) {
				t.Fatalf("readRecord() took %d bytes at %d of %d", n, read, len(data))
			}
			read += n
			again, _, err := readRecord(bufio.NewReader(bytes.NewReader(rec.encode(nil))))
			if err != nil || again.time != rec.time || again.task != rec.task || !bytes.Equal(again.text, rec.text) {
				t.Fatalf("record %+v does not survive encoding: %+v, %v", rec, again, err)
			}
		}
	})
}
