package tools_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gomodule "golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

// TestInstall serves the last commit as a module, as proxy.golang.org would, and installs
// runwith from it.
func TestInstall(t *testing.T) {
	version := fmt.Sprintf("v0.0.0-test.%d", time.Now().UnixNano()) // new, because go caches modules
	proxy, bin := t.TempDir(), t.TempDir()
	serve(t, proxy, version)
	upstream := goEnv(t, "GOPROXY")
	install := exec.Command("go", "install", module+"/cmd/runwith@latest")
	install.Dir = bin // outside of any module
	install.Env = append(os.Environ(), "GOFLAGS=-modcacherw", "GOBIN="+bin, "GONOSUMDB="+module, "GOPROXY=file://"+filepath.ToSlash(proxy)+","+upstream)
	t.Cleanup(func() { forget(t, version) })
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("go install: %v\n%s", err, out)
	}
	out, err := exec.Command(filepath.Join(bin, "runwith"), "version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), version) {
		t.Errorf("runwith version: %q, %v, want %s", out, err, version)
	}
}

// serve writes the files of a module proxy that has one version of the module.
func serve(t *testing.T, proxy, version string) {
	t.Helper()
	clone := filepath.Join(t.TempDir(), "clone")
	if out, err := exec.Command("git", "clone", "--quiet", "--shared", "..", clone).CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	mod, err := os.ReadFile(filepath.Join(clone, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(proxy, filepath.FromSlash(module), "@v")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	archive, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	// It refuses names and sizes that a module may not have.
	if err := zip.CreateFromVCS(archive, gomodule.Version{Path: module, Version: version}, clone, "HEAD", ""); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"list":            version + "\n",
		version + ".info": fmt.Sprintf(`{"Version": %q}`, version),
		version + ".mod":  string(mod),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// forget removes a version from the module cache.
func forget(t *testing.T, version string) {
	t.Helper()
	cache := goEnv(t, "GOMODCACHE")
	downloads := filepath.Join(cache, "cache", "download", filepath.FromSlash(module), "@v")
	files, err := filepath.Glob(filepath.Join(downloads, version+"*"))
	if err != nil {
		t.Error(err)
	}
	for _, name := range append(files, filepath.Join(downloads, "list"), filepath.Join(cache, filepath.FromSlash(module)+"@"+version)) {
		if err := os.RemoveAll(name); err != nil {
			t.Error(err)
		}
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
