// Package notebooks_test executes the lesson's notebooks and checks what their cells show.
package notebooks_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// all are the lesson's notebooks.
func all(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("*.ipynb")
	if err != nil || len(paths) == 0 {
		t.Fatalf("expected notebooks beside this test, found %v (%v)", paths, err)
	}
	return paths
}

var (
	machinePath = regexp.MustCompile(`/(home|root|work|tmp|usr|var|mnt|Users|private)/|[A-Z]:\\\\`)
	hidden      = regexp.MustCompile(`"github\.com/glimpse-ml/glimpse/(\S*/)?internal/`)
)

// Notebooks are committed without outputs, so that their changes can be read, and hold no path of a machine.
func TestNotebooksAreClean(t *testing.T) {
	for _, path := range all(t) {
		t.Run(path, func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if found := machinePath.FindString(string(text)); found != "" {
				t.Errorf("it holds a path of a machine: %q", found)
			}
			if found := hidden.FindString(string(text)); found != "" {
				t.Errorf("it imports what notebooks cannot: %q", found)
			}
			doc, err := notebook.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			if unclean, err := notebook.NeedsCleaning(path); err != nil || unclean {
				t.Errorf("it was committed as it was executed, or in another form (%v): `glimpse notebook clean` cleans it", err)
			}
			for i, cell := range doc.Cells {
				if cell.Type != "code" {
					continue
				}
				for line := range strings.Lines(cell.Source) {
					if n := len([]rune(strings.ReplaceAll(line, "\t", "        "))); n > 111 {
						t.Errorf("cell %d: a line of %d columns does not fit the page: %s", i+1, n, line)
					}
				}
			}
			var raw struct {
				Metadata struct{ Kernelspec struct{ Name string } }
			}
			if _, err := doc.Exercises(); err != nil {
				t.Error(err)
			}
			if err := json.Unmarshal(text, &raw); err != nil || raw.Metadata.Kernelspec.Name != notebook.Name {
				t.Errorf("expected the kernel %s, found %q (%v)", notebook.Name, raw.Metadata.Kernelspec.Name, err)
			}
		})
	}
}

// Every notebook is executed by a test of this package.
func TestNotebooksAreExecuted(t *testing.T) {
	executed := map[string]bool{}
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			function, isName := call.Fun.(*ast.Ident)
			name, isText := call.Args[1].(*ast.BasicLit)
			if isName && isText && function.Name == "execute" {
				text, _ := strconv.Unquote(name.Value)
				executed[text] = true
			}
			return true
		})
	}
	for _, path := range all(t) {
		if !executed[path] {
			t.Errorf("expected a test that executes %s, found none", path)
		}
	}
}

// execute runs a notebook as a new user would without a network, with the kernel installed first, in a home that the tests of this
// package share: nothing was trained there before them, and what one notebook has trained the next one finds. It returns the code
// cells as they were committed.
//
// It also tries the exercises: as committed their checks say "not yet", and with the solutions, at the end, "right". A cell that the
// test has not looked at when it ends, though it computes or shows something, fails the test.
func execute(t *testing.T, name string) []notebook.Cell {
	t.Helper()
	kernel := sharedKernel(t)
	text, err := notebook.WithSolutions(name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	doc, err := kernel.Check(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("executed in %.0f s, with %.0f s of processor time", time.Since(began).Seconds(), doc.Processor.Seconds())
	var cells []notebook.Cell
	for _, cell := range doc.Code() {
		for _, output := range cell.Outputs {
			if output.Stderr {
				t.Errorf("code cell %d complains: %s", len(cells)+1, output.Text)
			}
		}
		if cell.Exercise != "" {
			checkExercise(t, cell, cell.Exercise+": not yet: expected ")
		}
		for _, solved := range cell.Solutions {
			checkExercise(t, cell, solved+": right")
		}
		if len(cell.Solutions) > 0 {
			continue
		}
		cells = append(cells, cell)
	}
	t.Cleanup(func() {
		for i, cell := range cells {
			if !t.Failed() && !cell.Looked() && (len(cell.Outputs) > 0 || strings.Contains(cell.Source, "%%")) {
				t.Errorf("code cell %d of %s: expected a test that looks at what it shows, found none: %.80q", i+1, name, cell.Source)
			}
		}
	})
	return cells
}

// checkExercise checks that an exercise has been checked, and how it went.
func checkExercise(t *testing.T, cell notebook.Cell, want string) {
	t.Helper()
	if said := cell.Text(); !strings.Contains(said, want) || len(cell.Solutions) > 0 && strings.Contains(said, "not yet") {
		t.Errorf("an exercise: expected %q, the cell said %q", want, said)
	}
}

// sharedHome is the home of all notebooks of this run of the tests.
var sharedHome string

func TestMain(m *testing.M) {
	code := func() int {
		var err error
		if sharedHome, err = os.MkdirTemp("", "glimpse-notebooks-test-*"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(sharedHome)
		return m.Run()
	}()
	os.Exit(code)
}

// sharedKernel is the kernel in the shared home, which becomes the test's.
func sharedKernel(t *testing.T) notebook.Kernel {
	t.Helper()
	if _, err := exec.LookPath("jupyter-nbconvert"); err != nil {
		if os.Getenv("GLIMPSE_NO_JUPYTER") == "1" {
			t.Skip("jupyter-nbconvert is not on this machine (GLIMPSE_NO_JUPYTER=1)")
		}
		t.Fatal("expected jupyter-nbconvert, found none: `sudo apt-get install -y jupyter-nbconvert` brings it; " +
			"GLIMPSE_NO_JUPYTER=1 skips the tests that need it")
	}
	library := backend.FindONNXRuntime()
	for _, kept := range []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOFLAGS"} { // what Go would look for in the home
		value, err := exec.Command("go", "env", kept).Output()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(kept, strings.TrimSpace(string(value)))
	}
	t.Setenv("HOME", sharedHome)
	t.Setenv("GOPROXY", "off")
	for _, unset := range []string{"XDG_CACHE_HOME", "XDG_DATA_HOME", "JUPYTER_DATA_DIR", "JUPYTER_PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"} {
		t.Setenv(unset, "")
	}
	if backend.HasONNX && library != "" {
		t.Setenv(backend.LibraryPathEnv, library)
	}
	kernel, err := notebook.Find()
	if err != nil {
		t.Fatal(err)
	}
	if err := kernel.Install(t.Context(), os.Stderr); err != nil { // nothing to do but for the first of the tests
		t.Fatal(err)
	}
	return kernel
}
