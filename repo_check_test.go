package runwith_test

import (
	"bytes"
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	module   = "github.com/runwith/runwith"
	maxLines = 600
)

// A goFile is one Go file of the repository, for whichever system it is built.
type goFile struct {
	path  string // from the root, with slashes
	lines int
	fset  *token.FileSet
	ast   *ast.File
}

func (f *goFile) folder() string { return path.Dir(f.path) }
func (f *goFile) isTest() bool   { return strings.HasSuffix(f.path, "_test.go") }

// A fault is a rule broken at a line.
type fault struct {
	path string
	line int
	text string
}

func (f fault) String() string { return fmt.Sprintf("%s:%d: %s", f.path, f.line, f.text) }

func (f *goFile) fault(at token.Pos, format string, args ...any) fault {
	line := 1
	if at.IsValid() {
		line = f.fset.Position(at).Line
	}
	return fault{path: f.path, line: line, text: fmt.Sprintf(format, args...)}
}

// readGoFiles parses every Go file below the root, and stays out of hidden
// folders, test data and other modules.
func readGoFiles(root fs.FS) ([]*goFile, error) {
	var files []*goFile
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && foreign(root, name):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		parsed, err := parser.ParseFile(fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, &goFile{path: name, lines: bytes.Count(text, []byte("\n")), fset: fset, ast: parsed})
		return nil
	})
	return files, err
}

// foreign reports whether the Go files in a folder are not the module's.
func foreign(root fs.FS, folder string) bool {
	if folder == "." {
		return false
	}
	base := path.Base(folder)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" || base == "node_modules" {
		return true
	}
	_, err := fs.Stat(root, path.Join(folder, "go.mod"))
	return err == nil
}

// inspect returns what breaks the rules of the house, by file and line.
func inspect(files []*goFile) []fault {
	faults := packageComments(files)
	for _, f := range files {
		faults = append(faults, layout(f)...)
		if f.isTest() {
			continue
		}
		faults = append(faults, state(f)...)
		for _, u := range usesOf(f) {
			faults = append(faults, judge(f, u)...)
		}
	}
	slices.SortFunc(faults, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.line, b.line), cmp.Compare(a.text, b.text))
	})
	return slices.Compact(faults)
}

// packageComments finds packages that have no comment, or more than one.
func packageComments(files []*goFile) []fault {
	type comment struct {
		first *goFile // of the package
		in    *goFile
	}
	var faults []fault
	packages := map[string]comment{}
	for _, f := range files {
		if f.isTest() {
			continue
		}
		c, seen := packages[f.folder()]
		if !seen {
			c.first = f
		}
		if f.ast.Doc != nil {
			if c.in != nil {
				faults = append(faults, f.fault(f.ast.Package, "%s has the package comment already; one file carries it", c.in.path))
			}
			c.in = f
			if name := f.ast.Name.Name; name != "main" && !strings.HasPrefix(f.ast.Doc.Text(), "Package "+name+" ") {
				faults = append(faults, f.fault(f.ast.Doc.Pos(), "the package comment does not begin with %q", "Package "+name))
			}
		}
		packages[f.folder()] = c
	}
	for folder, c := range packages {
		if c.in == nil {
			faults = append(faults, c.first.fault(token.NoPos, "package %s has no package comment", folder))
		}
	}
	return faults
}

var vague = regexp.MustCompile(`^(util|utils|helper|helpers|common|misc|types|models)(_.*)?$`)

// layout finds files that are too long, and names that say nothing.
func layout(f *goFile) []fault {
	var faults []fault
	if f.lines > maxLines {
		faults = append(faults, f.fault(token.NoPos, "the file has %d lines, more than %d; split it by noun", f.lines, maxLines))
	}
	if name := strings.TrimSuffix(path.Base(f.path), ".go"); vague.MatchString(name) {
		faults = append(faults, f.fault(token.NoPos, "the file's name says nothing; name it for the noun that it holds"))
	}
	if name := f.ast.Name.Name; vague.MatchString(name) {
		faults = append(faults, f.fault(f.ast.Package, "the package's name says nothing; name it for what it does"))
	}
	return faults
}

// state finds init functions and package variables that are there to be changed.
func state(f *goFile) []fault {
	var faults []fault
	for _, decl := range f.ast.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			if decl.Recv == nil && decl.Name.Name == "init" {
				faults = append(faults, f.fault(decl.Pos(), "func init runs unasked; call it by name from where it is needed"))
			}
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if v, ok := spec.(*ast.ValueSpec); ok && decl.Tok == token.VAR && mutable(v) && !embedded(decl, v) {
					faults = append(faults, f.fault(v.Pos(), "%s is package state; keep it in a value that is handed on", v.Names[0].Name))
				}
			}
		}
	}
	return faults
}

// mutable reports whether a package variable makes sense only if it changes: it
// starts with no value, with an empty one, or with the address of one.
func mutable(v *ast.ValueSpec) bool {
	if v.Names[0].Name == "_" {
		return false // asserts a type
	}
	return len(v.Values) == 0 || slices.ContainsFunc(v.Values, func(value ast.Expr) bool {
		switch value := value.(type) {
		case *ast.CompositeLit:
			return len(value.Elts) == 0
		case *ast.UnaryExpr:
			return value.Op == token.AND
		case *ast.CallExpr:
			made, ok := value.Fun.(*ast.Ident)
			return ok && (made.Name == "make" || made.Name == "new")
		}
		return false
	})
}

// embedded reports whether a variable gets its value from a go:embed directive.
func embedded(decl *ast.GenDecl, v *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{decl.Doc, v.Doc} {
		if doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") }) {
			return true
		}
	}
	return false
}

// A use is an import of a file, or with a name a use of that name.
type use struct {
	imports string // as the tables write it
	own     bool   // the project's own package
	name    string
	at      token.Pos
}

func (u use) String() string {
	if u.name == "" {
		return "import " + strconv.Quote(u.imports)
	}
	return path.Base(u.imports) + "." + u.name
}

var majorVersion = regexp.MustCompile(`/v[0-9]+$`)

// usesOf returns the imports of a file, and every use of a name of theirs.
func usesOf(f *goFile) []use {
	var uses []use
	byName := map[string]use{} // by the import's name in the file
	for _, spec := range f.ast.Imports {
		imports, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has let only strings through
		}
		u := use{imports: imports, at: spec.Pos()}
		if imports == module {
			u.imports, u.own = ".", true
		} else if folder, ok := strings.CutPrefix(imports, module+"/"); ok {
			u.imports, u.own = folder, true
		}
		uses = append(uses, u)
		name := path.Base(majorVersion.ReplaceAllString(imports, ""))
		if spec.Name != nil {
			name = spec.Name.Name
		}
		byName[name] = u
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok {
			if u, imported := byName[x.Name]; imported {
				u.name, u.at = selector.Sel.Name, selector.Pos()
				uses = append(uses, u)
			}
		}
		return true
	})
	return uses
}

// judge returns what the tables have against a use.
func judge(f *goFile, u use) []fault {
	var faults []fault
	known := u.name != "" || u.standard() || u.own
	for _, fence := range fences {
		if inAny(fence.packages, f.folder()) && u.inAny(fence.not) && !u.inAny(fence.but) {
			faults = append(faults, f.fault(u.at, "%v: %s", u, fence.why))
		}
	}
	for _, door := range doors {
		if !u.inAny(door.imports) {
			continue
		}
		known = true
		if !inAny(door.only, f.folder()) {
			faults = append(faults, f.fault(u.at, "%v: %s", u, door.why))
		}
	}
	if !known {
		faults = append(faults, f.fault(u.at, "%v: no door leads in; add a row to doors in repo_test.go that says where it may be used, and why", u))
	}
	return faults
}

// standard reports whether the use is of the standard library.
func (u use) standard() bool {
	first, _, _ := strings.Cut(u.imports, "/")
	return !u.own && !strings.Contains(first, ".")
}

// inAny reports whether one of the patterns names the folder.
func inAny(patterns []string, folder string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		if pattern == "..." {
			return true
		}
		above, below := strings.CutSuffix(pattern, "/...")
		return folder == above || below && strings.HasPrefix(folder, above+"/")
	})
}

// inAny reports whether one of the patterns names the use. An import alone is
// named by patterns without a name, a name by those with one.
func (u use) inAny(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		pattern, name, narrowed := strings.Cut(pattern, "#")
		if narrowed != (u.name != "") {
			return false
		}
		if narrowed {
			if ok, err := path.Match(name, u.name); err != nil || !ok {
				return false
			}
		}
		if pattern == "std" {
			return u.standard()
		}
		return inAny([]string{pattern}, u.imports)
	})
}
