package docs_test

import (
	"encoding/json"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// withoutExample are packages of which an Example could show nothing, and why.
var withoutExample = map[string]string{
	"":                       "it holds the comment that go doc shows of the module",
	"experiments/benchmark":  "what it does takes minutes on a quiet machine; its command is glimpse bench",
	"experiments/resumetest": "its functions take a *testing.T; docs/examples/devise shows how they are used",
}

// isStudy says whether a package is one of the lesson's experiments, or of what is built on CLIP: its example is its command, which the comment of its Study shows.
func isStudy(path string) bool {
	return strings.HasPrefix(path, "experiments/lesson/") || strings.HasPrefix(path, "experiments/built/")
}

type listed struct {
	Dir                                string
	ImportPath                         string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

// public are the packages that other programs may import, by their paths in the module.
func public(t *testing.T) map[string]listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=Dir,ImportPath,GoFiles,TestGoFiles,XTestGoFiles", "../...").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]listed{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, "github.com/glimpse-ml/glimpse"), "/")
		if len(p.GoFiles) > 0 && !strings.Contains("/"+path+"/", "/internal/") && !strings.HasPrefix(path, "cmd/") {
			all[path] = p
		}
	}
	if len(all) < 30 {
		t.Fatalf("found only %d packages", len(all))
	}
	return all
}

// Every public package has a comment that says what it is, and an Example; every exported name has a comment.
func TestPackagesAreDocumented(t *testing.T) {
	for path, p := range public(t) {
		fset := token.NewFileSet()
		parse := func(names []string) (files []*ast.File) {
			for _, name := range names {
				file, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
				if err != nil {
					t.Fatal(err)
				}
				files = append(files, file)
			}
			return files
		}
		files := parse(p.GoFiles)
		if !slices.ContainsFunc(files, func(f *ast.File) bool { return strings.HasPrefix(f.Doc.Text(), "Package "+f.Name.Name+" ") }) {
			t.Errorf("%q has no comment that begins with its name", path)
		}
		for _, file := range files {
			for _, decl := range file.Decls {
				for _, name := range uncommented(decl) {
					t.Errorf("%s: %s has no comment", fset.Position(decl.Pos()), name)
				}
			}
		}
		checkExamples(t, path, doc.Examples(parse(append(p.TestGoFiles, p.XTestGoFiles...))...))
	}
	for path := range withoutExample {
		if _, ok := public(t)[path]; !ok {
			t.Errorf("there is no package %q that could do without an Example", path)
		}
	}
}

// checkExamples wants an Example that is run, which it is when it has an output.
func checkExamples(t *testing.T, path string, examples []*doc.Example) {
	t.Helper()
	run := 0
	for _, e := range examples {
		if e.Output == "" && !e.EmptyOutput && path != "plots" { // whose Examples make pictures, which TestExamples there compares
			t.Errorf("%s: the Example %s is not run: it has no output", path, e.Name)
		}
		run++
	}
	if why, without := withoutExample[path]; without || isStudy(path) {
		if without && run > 0 {
			t.Errorf("%s has an Example now, and is listed as one without (%s)", path, why)
		}
		return
	}
	if run == 0 {
		t.Errorf("%s has no Example", path)
	}
}

// wellKnown are methods of which everybody knows what they do.
var wellKnown = []string{"Error", "Unwrap", "String", "MarshalJSON", "UnmarshalJSON"}

// uncommented are the exported names of a declaration that nothing is said of. A field of a struct, and a constant among others, may be said enough
// of by what is said of the whole.
func uncommented(decl ast.Decl) (names []string) {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || exported(d.Recv.List[0].Type) && !slices.Contains(wellKnown, d.Name.Name)) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				if s.Doc == nil && d.Doc == nil && s.Comment == nil && s.Names[0].IsExported() {
					names = append(names, s.Names[0].Name)
				}
			}
		}
	}
	return names
}

// exported says whether the type of a receiver is.
func exported(receiver ast.Expr) bool {
	switch r := receiver.(type) {
	case *ast.StarExpr:
		return exported(r.X)
	case *ast.IndexExpr:
		return exported(r.X)
	case *ast.IndexListExpr:
		return exported(r.X)
	case *ast.Ident:
		return r.IsExported()
	}
	return false
}
