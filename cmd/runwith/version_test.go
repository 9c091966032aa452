package main

import (
	"encoding/json"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
)

func TestBuild(t *testing.T) {
	t.Parallel()
	stamp := func(revision, at, modified string) []debug.BuildSetting {
		return []debug.BuildSetting{{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: revision}, {Key: "vcs.time", Value: at}, {Key: "vcs.modified", Value: modified}}
	}
	for name, test := range map[string]struct {
		version  string
		settings []debug.BuildSetting
		want     string // before the version of Go
	}{
		"a checkout": {
			"v0.0.0-20261128085900-43eb679f1234", stamp("43eb679f12345678", "2026-11-28T08:59:00Z", "false"),
			"runwith v0.0.0-20261128085900-43eb679f1234 (commit 43eb679f12345678, 2026-11-28T08:59:00Z, ",
		},
		"a modified checkout": {
			"v1.2.3+dirty", stamp("43eb679f12345678", "2026-11-28T08:59:00Z", "true"),
			"runwith v1.2.3+dirty (commit 43eb679f12345678, 2026-11-28T08:59:00Z, modified, ",
		},
		"an old toolchain's checkout": {"(devel)", stamp("43eb679f12345678", "2026-11-28T08:59:00Z", "false"), "runwith (devel) (commit 43eb679f12345678, 2026-11-28T08:59:00Z, "},
		"go install of a release":     {"v1.2.3", nil, "runwith v1.2.3 ("},
		"go install of a commit":      {"v0.1.1-0.20261128085900-43eb679f1234", nil, "runwith v0.1.1-0.20261128085900-43eb679f1234 (commit 43eb679f1234, 2026-11-28T08:59:00Z, "},
		"go install of a branch":      {"v0.0.0-20261128085900-43eb679f1234", nil, "runwith v0.0.0-20261128085900-43eb679f1234 (commit 43eb679f1234, 2026-11-28T08:59:00Z, "},
		"without build info":          {"", nil, "runwith (devel) ("},
	} {
		b := buildOf(&debug.BuildInfo{Main: debug.Module{Version: test.version}, Settings: test.settings})
		if want := test.want + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"; b.String() != want {
			t.Errorf("version of %s = %q, want %q", name, b, want)
		}
	}
}

// The test binary may lack a version and a commit; the command must work without.
func TestVersion(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("runwith", "version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if want := thisBuild().String() + "\n"; string(out) != want {
		t.Errorf("runwith version = %q, want %q", out, want)
	}
	out, err = exec.Command("runwith", "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var got build
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if got != thisBuild() {
		t.Errorf("runwith version --json = %s, want %+v", out, thisBuild())
	}
	if !strings.Contains(string(out), `"version":`) {
		t.Errorf("runwith version --json = %s, want a version", out)
	}
}
