package console

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"sync"
)

//go:embed templates
var templateFiles embed.FS

// pages are the templates of all pages. Each is read when it is shown for the first time, so
// that a server that shows none starts no later.
type pages struct {
	mu  sync.Mutex
	all map[string]*template.Template
}

func newPages() *pages { return &pages{all: map[string]*template.Template{}} }

// write writes a whole page.
func (p *pages) write(w io.Writer, of page, f frame) error { return p.execute(w, of, "layout", f) }

// writeContent writes the content of a page alone.
func (p *pages) writeContent(w io.Writer, of page, f frame) error {
	return p.execute(w, of, "content", f)
}

func (p *pages) execute(w io.Writer, of page, name string, f frame) error {
	t, err := p.template(of.Template)
	if err != nil {
		return err
	}
	return t.ExecuteTemplate(w, name, f)
}

// template returns the template of a page with the layout and the common parts.
func (p *pages) template(name string) (*template.Template, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := p.all[name]; t != nil {
		return t, nil
	}
	t, err := template.New(name).Funcs(functions()).ParseFS(templateFiles, "templates/layout.html", "templates/parts/*.html", "templates/"+name+".html")
	if err != nil {
		return nil, fmt.Errorf("read template %s: %w", name, err)
	}
	p.all[name] = t
	return t, nil
}
