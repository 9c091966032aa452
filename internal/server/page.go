package server

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"

	"github.com/runwith/runwith/internal/eventstream"
)

// Link is a line of the page at the server's root.
type Link struct {
	// Path is that of a page or an answer that a browser can show.
	Path string
	// Text describes it.
	Text string
}

//go:embed page.html
var pageText string

const pageStyle = "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;padding:0 1rem}" +
	"code{color:#555}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}a{color:#8bf}code{color:#aaa}}"

// page is what a browser sees at the server's root. Programs get the answer of the site.
type page struct {
	policy  string // Content-Security-Policy
	version string
	links   []Link
}

func newPage(c Config, s *Site) *page {
	hash := sha256.Sum256([]byte(pageStyle))
	style := "'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
	return &page{
		policy:  "default-src 'none'; style-src " + style + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		version: cmp.Or(c.Version, "unknown"),
		links:   append(slices.Clone(s.Links), ownLinks(c)...),
	}
}

// ownLinks are the links of every server.
func ownLinks(c Config) []Link {
	links := []Link{{"/readyz", "Whether it can do its work"}}
	if c.Metrics == nil {
		links = append(links, Link{metricsPath, "Metrics in Prometheus's format"})
	}
	return links
}

// asksPage reports whether a browser asks for a page. Google's libraries ask at the root too, to
// find a metadata server, and they send its header or accept anything.
func asksPage(r *http.Request) bool {
	return reads(r) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// asksEvents reports whether a browser asks for the events of an open page.
func asksEvents(r *http.Request) bool {
	return reads(r) && strings.HasPrefix(r.Header.Get("Accept"), eventstream.MediaType)
}

// reads reports whether a request only reads, and not the metadata server.
func reads(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.Header.Get("Metadata-Flavor") == ""
}

func (p *page) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept, Metadata-Flavor")
	_, _ = fmt.Fprintf(w, pageText, pageStyle, html.EscapeString(p.version), p.list()) // the caller may have left
}

// list returns the links as items of a list.
func (p *page) list() string {
	var items strings.Builder
	for _, l := range p.links {
		path := html.EscapeString(l.Path)
		fmt.Fprintf(&items, "<li><a href=\"%s\">%s</a> <code>%s</code></li>\n", path, html.EscapeString(l.Text), path)
	}
	return items.String()
}
