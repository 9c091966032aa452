package main

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/runwith/runwith/examples/internal/up"
)

// TestMain lets the test's own binary be the example, so that the job's process is one too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "job" || os.Args[1] == "show") {
		if os.Args[1] == "show" {
			os.Args = append(os.Args[:1], os.Args[2:]...)
		}
		main()
		return
	}
	var err error
	if built, err = os.MkdirTemp("", "runwith-"); err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	_ = os.RemoveAll(built)
	os.Exit(code)
}

// built is the folder of what the tests build; TestMain removes it.
var built string

// program is runwith, built once for all tests.
var program = sync.OnceValues(func() (string, error) { return up.Build(context.Background(), built) })

// run runs the example on a free port, and returns its standard output.
func run(t *testing.T, args ...string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("NOT TESTED: tasks run on Linux and macOS alone")
	}
	built, err := program()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	example := exec.CommandContext(t.Context(), self, append([]string{"show", "-addr", "127.0.0.1:0", "-runwith", built}, args...)...)
	example.Stderr = t.Output()
	out, err := example.Output()
	if err != nil {
		t.Fatalf("the example ended with %v\n%s", err, out)
	}
	return string(out)
}

// TestThumbnails runs the example, and looks at its buckets.
func TestThumbnails(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	out := run(t, "-data", data)
	id := `[0-9a-f-]{36}`
	want := `^noon.png: accepted, invocation (` + id + `) succeeded
  pictures-thumbnails/noon.png.jpg: \d+ bytes, from \d+
dusk.png: accepted, invocation ` + id + ` succeeded
  pictures-thumbnails/dusk.png.jpg: \d+ bytes, from \d+
night.png: accepted, invocation ` + id + ` succeeded
  pictures-thumbnails/night.png.jpg: \d+ bytes, from \d+

The first event again, as Eventarc repeats one whose answer was lost:
noon.png: repeated, invocation (` + id + `) succeeded
  pictures-thumbnails/noon.png.jpg: \d+ bytes, from \d+

An object that is no picture:
notes.txt: ignored ?
$`
	found := regexp.MustCompile(want).FindStringSubmatch(out)
	if found == nil {
		t.Fatalf("the example printed\n%s\nwant it to match\n%s", out, want)
	}
	if found[1] != found[2] {
		t.Errorf("the repeated event has the invocation %s, want that of the first, %s", found[2], found[1])
	}
	for _, name := range []string{"noon", "dusk", "night"} {
		if got := size(t, filepath.Join(data, "buckets", "pictures-thumbnails", name+".png.jpg")); got != image.Pt(160, 106) {
			t.Errorf("the thumbnail of %s has %v pixels, want 160 x 106", name, got)
		}
	}
	if files, _ := filepath.Glob(filepath.Join(data, "buckets", "*", "notes*")); len(files) != 1 {
		t.Errorf("there are %q, want no thumbnail of notes.txt", files)
	}
}

// TestOwnPicture uploads a file, whose name has what shells and flags are made of.
func TestOwnPicture(t *testing.T) {
	t.Parallel()
	picture, err := draw(color.RGBA{1, 2, 3, 255})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), `-rf $(id) "ü".png`)
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		t.Fatal(err)
	}
	if out := run(t, "--", file); strings.Count(out, "/"+filepath.Base(file)+".jpg: ") != 2 {
		t.Errorf("the example printed\n%s\nwant the thumbnail of %s", out, file)
	}
}

// TestThumbnailRefuses gives the job objects that are no pictures, or leave the buckets.
func TestThumbnailRefuses(t *testing.T) {
	buckets := t.TempDir()
	t.Setenv("BUCKETS", filepath.Join(buckets, "in"))
	huge := []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x00\x00;")
	for name, content := range map[string][]byte{"in/b/text.png": []byte("buy milk"), "in/b/empty.png": nil, "in/b/huge.gif": huge, "outside/secret.png": nil} {
		file := filepath.Join(buckets, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"text.png": "unknown format", "empty.png": "unknown format", "huge.gif": "65535 x 65535 is too large",
		"none.png": "no such file", "../../outside/secret.png": "escapes",
	} {
		if err := job(t.Context(), []string{"--bucket=b", "--object=" + name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("job of %s = %v, want an error with %q", name, err, want)
		}
	}
}

// TestShrink makes pictures smaller, and never larger.
func TestShrink(t *testing.T) {
	t.Parallel()
	for from, want := range map[image.Point]image.Point{
		{900, 600}: {160, 106}, {600, 900}: {106, 160}, {160, 20}: {160, 20}, {5000, 3}: {160, 1}, {161, 161}: {160, 160}, {1, 1}: {1, 1},
	} {
		whole := image.NewRGBA(image.Rectangle{Max: from}.Add(image.Pt(7, 5)))
		for i := range whole.Pix {
			whole.Pix[i] = 255
		}
		small := shrink(whole, side)
		if small.Bounds().Size() != want {
			t.Errorf("%v shrinks to %v, want %v", from, small.Bounds().Size(), want)
		}
		b := small.Bounds()
		if c := color.RGBAModel.Convert(small.At(b.Max.X-1, b.Max.Y-1)); c != (color.RGBA{255, 255, 255, 255}) {
			t.Errorf("a white picture of %v shrinks to one with the color %v", from, c)
		}
	}
}

// TestReadmeNamesFiles checks that the README's table has all files.
func TestReadmeNamesFiles(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file == "README.md" || file == "main.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		if !bytes.Contains(text, []byte("["+file+"]("+file+")")) {
			t.Errorf("README.md does not name %s", file)
		}
	}
}

// size returns the size of a picture.
func size(t *testing.T, file string) image.Point {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	picture, _, err := image.Decode(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	return picture.Bounds().Size()
}
