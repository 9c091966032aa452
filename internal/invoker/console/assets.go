package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed assets
var assetFiles embed.FS

// assets are the stylesheet and the modules. The version in their paths is the hash of all of
// them, so browsers keep them for good, and a new program has new ones.
type assets struct {
	prefix string // of their paths
	packed func() map[string][]byte
}

func newAssets() *assets {
	hash := sha256.New()
	_ = eachAsset(func(name string, content []byte) {
		hash.Write([]byte(name))
		hash.Write(content)
	})
	return &assets{
		prefix: "/console/assets/" + hex.EncodeToString(hash.Sum(nil)[:6]) + "/",
		packed: sync.OnceValue(packAssets),
	}
}

// eachAsset calls do with each file.
func eachAsset(do func(name string, content []byte)) error {
	return fs.WalkDir(assetFiles, "assets", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := assetFiles.ReadFile(name)
		if err == nil {
			do(path.Base(name), content)
		}
		return err
	})
}

// packAssets compresses the files.
func packAssets() map[string][]byte {
	all, w := map[string][]byte{}, gzip.NewWriter(io.Discard) // one for all: its tables are large
	_ = eachAsset(func(name string, content []byte) {
		var packed bytes.Buffer
		w.Reset(&packed)
		_, _ = w.Write(content) // a buffer takes everything
		_ = w.Close()
		all[name] = packed.Bytes()
	})
	return all
}

// assetTypes are the media types of the files. A browser runs a module only if its type is right.
var assetTypes = map[string]string{ //nolint:gochecknoglobals // never written
	".css": "text/css; charset=utf-8",
	".mjs": "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// serve answers with one file. Its version in the path does not matter: there is only one.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	content, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", assetTypes[path.Ext(name)])
	h.Set("Cache-Control", "no-cache")
	if strings.HasPrefix(r.URL.Path, a.prefix) {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		content = a.packed()[name]
	}
	_, _ = w.Write(content) // the visitor may have left
}
