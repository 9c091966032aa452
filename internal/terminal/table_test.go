package terminal

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	t.Parallel()
	sample := func() *Table {
		filled := &Table{indent: " ", Head: []string{"NAME", "STATE", "MESSAGE"}}
		row := Cells("größer", "failed", "two\nlines and \x1b[2Ja code")
		row[1].Style = Red
		filled.Add(row...)
		filled.Add(Cells("x", "running", "")...)
		return filled
	}
	for _, tt := range []struct {
		name   string
		screen Screen
		want   string
	}{
		{"piped", Screen{}, "" +
			" NAME    STATE    MESSAGE\n" +
			" größer  failed   two lines and  [2Ja code\n" +
			" x       running\n"},
		{"coloured", Screen{colours: true}, "" +
			" \x1b[1mNAME\x1b[0m    \x1b[1mSTATE\x1b[0m    \x1b[1mMESSAGE\x1b[0m\n" +
			" größer  \x1b[31mfailed\x1b[0m   two lines and  [2Ja code\n" +
			" x       running\n"},
		{"cut in a cell", Screen{width: 23}, "" +
			" NAME    STATE    MESS…\n" +
			" größer  failed   two …\n" +
			" x       running\n"},
		{"cut before a cell", Screen{width: 17}, "" +
			" NAME    STATE\n" +
			" größer  failed\n" +
			" x       running\n"},
		{"cut to nothing", Screen{width: 3}, " N…\n g…\n x\n"},
	} {
		var out strings.Builder
		tt.screen.Writer = &out
		if err := sample().Write(&tt.screen); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, out.String()); diff != "" {
			t.Errorf("%s: table differs (-want +got):\n%s", tt.name, diff)
		}
	}
}
