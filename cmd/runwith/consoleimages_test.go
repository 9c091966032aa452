package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/runwith/runwith/internal/testneed"
)

// imagesVariable names the environment variable that makes TestConsoleImages write the images of
// docs/images anew.
const imagesVariable = "RUNWITH_TEST_IMAGES"

// indexing prints a log that fits in an image.
const indexing = `echo "Rebuilding the search index of acme"
for n in 1 2 3 4 5 6 7 8; do printf 'Batch %d of 8: \033[32m1,250 documents indexed\033[0m\n' $n; sleep 0.05; done
echo '{"severity":"WARNING","message":"2 documents have no title","documents":["4711","0815"]}'
echo "Could not read document 1147: it is damaged" >&2; sleep 0.2
printf '\033[1mDone\033[0m: 9,999 documents in 8 batches\n'`

// The images in docs/images show the console as it is. The test takes the same pictures, so what
// they show can be shown.
func TestConsoleImages(t *testing.T) {
	testneed.Long(t)
	t.Parallel()
	w, printing := startWorld(t), startPrinting(t, indexing)
	b := openTab(startBrowser(t), t, w.url)
	for _, shot := range []struct{ file, url, theme, shows string }{
		{"overview.png", w.url + "/", "light", "Overview"},
		{"invocation.png", w.url + "/invocations/" + w.failed, "light", "NonZeroExitCode"},
		{"start.png", w.url + "/jobs/reindex/start", "light", "customer"},
		{"logs.png", printing.url + "/invocations/" + printing.print(t) + "/logs", "light", "The log is complete"},
	} {
		b.theme(t, shot.theme)
		b.open(t, shot.url)
		b.waitForText(t, shot.shows)
		b.picture(t, shot.file)
	}
}

// picture takes the picture of a page that docs/images has in a file.
func (b *tab) picture(t *testing.T, file string) {
	t.Helper()
	picture, err := chromedp.Run(b, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	config, err := png.DecodeConfig(bytes.NewReader(picture))
	if err != nil || config.Width != 1440 {
		t.Errorf("%s is %d wide, %v; want 1440", file, config.Width, err)
	}
	kept := filepath.Join("..", "..", "docs", "images", file)
	if os.Getenv(imagesVariable) != "" {
		if err := os.WriteFile(kept, picture, 0o644); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("%v: run this test with %s=1", err, imagesVariable)
	}
}
