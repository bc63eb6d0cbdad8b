// Package notebooks_test executes the lesson's notebooks and checks what their cells show.
package notebooks_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

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
			for i, cell := range doc.Cells {
				if len(cell.Outputs) > 0 || cell.Run > 0 {
					t.Errorf("cell %d was committed with its output; `jupyter nbconvert --clear-output --inplace %s` removes it", i+1, path)
				}
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
			if err := json.Unmarshal(text, &raw); err != nil || raw.Metadata.Kernelspec.Name != notebook.Name {
				t.Errorf("expected the kernel %s, found %q (%v)", notebook.Name, raw.Metadata.Kernelspec.Name, err)
			}
		})
	}
}

// execute runs a notebook as a new user would without a network, in a home and a folder where nothing was trained yet,
// with the kernel installed there first. It returns the code cells.
func execute(t *testing.T, name string) []notebook.Cell {
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
	home := t.TempDir()
	t.Setenv("HOME", home)
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
	if err := kernel.Install(t.Context(), os.Stderr); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	doc, err := kernel.Check(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	cells := doc.Code()
	for i, cell := range cells {
		for _, output := range cell.Outputs {
			if output.Stderr {
				t.Errorf("code cell %d complains: %s", i+1, output.Text)
			}
		}
	}
	return cells
}
