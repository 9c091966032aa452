package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// imagesVariable names the environment variable that makes TestConsoleImages write the images of
// docs/images anew.
const imagesVariable = "RUNWITH_TEST_IMAGES"

// The images in docs/images show the console as it is. The test takes the same pictures, so what
// they show can be shown.
func TestConsoleImages(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	b := openTab(startBrowser(t), t, w.url)
	for _, shot := range []struct{ file, path, theme, shows string }{
		{"overview.png", "/", "light", "Overview"},
		{"invocation.png", "/invocations/" + w.failed, "light", "NonZeroExitCode"},
		{"start.png", "/jobs/reindex/start", "light", "customer"},
	} {
		b.theme(t, shot.theme)
		b.open(t, shot.path)
		b.waitForText(t, shot.shows)
		picture, err := chromedp.Run(b, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		config, err := png.DecodeConfig(bytes.NewReader(picture))
		if err != nil || config.Width != 1440 {
			t.Errorf("%s is %d wide, %v; want 1440", shot.file, config.Width, err)
		}
		kept := filepath.Join("..", "..", "docs", "images", shot.file)
		if os.Getenv(imagesVariable) != "" {
			if err := os.WriteFile(kept, picture, 0o644); err != nil {
				t.Error(err)
			}
		}
		if _, err := os.Stat(kept); err != nil {
			t.Errorf("%v: run this test with %s=1", err, imagesVariable)
		}
	}
}
