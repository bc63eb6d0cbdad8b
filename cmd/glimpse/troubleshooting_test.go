package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/markdown"
)

const troubles = "docs/troubleshooting.md"

// sentences are the errors on the page on troubleshooting, as patterns: ... stands for anything.
func sentences(t *testing.T) (texts []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, troubles))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range markdown.Read(string(text)).Blocks {
		if block.Lang == "text" {
			texts = append(texts, strings.TrimSpace(block.Text))
		}
	}
	if len(texts) < 15 {
		t.Fatalf("found only %d sentences", len(texts))
	}
	return texts
}

// asPattern matches what a sentence of the page stands for, anywhere in a text.
func asPattern(sentence string) *regexp.Regexp {
	parts := strings.Split(sentence, "...")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(strings.Join(parts, `.+`))
}

// Every sentence of the page is one that the lab has in its code: a text with verbs of fmt where the page has "...".
func TestTroublesAreReal(t *testing.T) {
	all := literals(t)
	for _, sentence := range sentences(t) {
		if strings.HasPrefix(sentence, "go: ") {
			checkGoVersion(t, sentence)
			continue
		}
		if !slices.ContainsFunc(all, asPattern(sentence).MatchString) {
			t.Errorf("%s: nothing in the code says %q", troubles, sentence)
		}
	}
}

// checkGoVersion compares what Go says on the page with the version that go.mod asks for.
func checkGoVersion(t *testing.T, sentence string) {
	t.Helper()
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(mod)
	if version == nil || !strings.Contains(sentence, "requires go >= "+string(version[1])+" ") {
		t.Errorf("%s: %q is not what Go says, go.mod asks for %s", troubles, sentence, version)
	}
}

// literals are the texts in the code, those that + joins as one; what is joined with a variable ends and begins with its place.
func literals(t *testing.T) (all []string) {
	t.Helper()
	var text func(e ast.Expr) (string, bool)
	text = func(e ast.Expr) (string, bool) {
		switch e := e.(type) {
		case *ast.BasicLit:
			s, err := strconv.Unquote(e.Value)
			return s, e.Kind == token.STRING && err == nil
		case *ast.BinaryExpr:
			a, isA := text(e.X)
			b, isB := text(e.Y)
			return a + b, e.Op == token.ADD && (isA || isB)
		}
		return "%v", false
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if e, ok := n.(ast.Expr); ok {
				if s, ok := text(e); ok {
					all = append(all, s)
					return false
				}
			}
			return true
		})
		return nil
	})
	if err != nil || len(all) < 1000 {
		t.Fatalf("found only %d texts in the code (%v)", len(all), err)
	}
	return all
}

// What can be brought about here says one of the page's sentences.
func TestTroublesAreSaid(t *testing.T) {
	all := sentences(t)
	empty := t.TempDir()
	file := filepath.Join(empty, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(empty, "run")
	if err := os.MkdirAll(run, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(run, "manifest.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env  map[string]string
		call []string
		only bool // whether this build can
	}{
		"no such backend": {map[string]string{"GOMLX_BACKEND": "tpu"}, []string{"train", "clip", "--show"}, true},
		"no data":         {nil, []string{"data", "show", "cifar10"}, true},
		"no download":     {nil, []string{"data", "get", "flickr8k"}, true},
		"no network":      {map[string]string{"GLIMPSE_OFFLINE": "1"}, []string{"data", "get", "cifar10"}, true},
		"no setting":      {nil, []string{"train", "clip", "--show", "--set", "train.step=8"}, true},
		"run there":       {nil, []string{"train", "clip", "--quick", "--out", run}, true},
		"no Go":           {map[string]string{"PATH": empty}, []string{"notebook", "install"}, true},
		"no checkout":     {map[string]string{"CHDIR": empty}, []string{"notebook", "install"}, true},
		"no ONNX Runtime": {map[string]string{"GOMLX_BACKEND": "onnx"}, []string{"train", "clip", "--show"}, true},
		"no folder":       {map[string]string{"XDG_CACHE_HOME": file, "GLIMPSE_OFFLINE": "1"}, []string{"backend", "install"}, backend.HasONNX},
	} {
		t.Run(name, func(t *testing.T) {
			if !c.only {
				t.Skip("built without ONNX Runtime")
			}
			t.Setenv("GOMLX_BACKEND", "go")
			for key, value := range map[string]string{"HOME": empty, "XDG_CACHE_HOME": filepath.Join(empty, "cache"), "GLIMPSE_DATA": empty, backend.LibraryPathEnv: ""} {
				t.Setenv(key, value)
			}
			if c.call[0] == "data" { // data beside the checkout are not found there
				t.Chdir(empty)
			}
			for key, value := range c.env {
				if key == "CHDIR" {
					t.Chdir(value)
				} else {
					t.Setenv(key, value)
				}
			}
			var stderr bytes.Buffer
			err := execute(t.Context(), newRoot(), c.call, nil, io.Discard, &stderr)
			if err == nil {
				t.Fatalf("expected an error, it said %q", stderr.String())
			}
			said := sentence(err)
			for _, s := range all {
				if asPattern(s).MatchString(said) {
					return
				}
			}
			t.Errorf("%s has no sentence for %q", troubles, said)
		})
	}
}
