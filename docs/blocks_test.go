// Package docs_test holds the pages and the packages to what they promise (docs/README.md).
package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/markdown"
)

// root is the checkout.
const root = ".."

// pages are the Markdown files of the checkout, by their paths in it.
func pages(t *testing.T) map[string]*markdown.Page {
	t.Helper()
	all := map[string]*markdown.Page{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && skipped(d.Name()) {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text, err := os.ReadFile(path)
		all[inCheckout(path)] = markdown.Read(string(text))
		return err
	})
	if err != nil || len(all) < 10 {
		t.Fatalf("expected the pages of the checkout, found %d (%v)", len(all), err)
	}
	return all
}

// skipped says whether a folder holds nothing that is committed, or nothing that people read.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") && name != ".github" || name == "bin" || name == "runs" || name == "sweeps" || name == "demo" || name == "testdata"
}

func inCheckout(path string) string {
	return strings.TrimPrefix(filepath.ToSlash(path), root+"/")
}

// program is a block of Go as it is compiled.
type program struct {
	where  string
	source string
	output string // what stands below it in a block of text; "" for one that is only compiled
}

// Every block of Go compiles, and one with a block of text right below it prints that. A block is one of three things, which the HTML comment above
// it tells apart: without any it is a whole file; behind "go: fmt, os" it is the inside of func() error, with these imports; behind "from: PATH" it is
// a part of that file, which is compiled and tested where it lies.
func TestBlocksOfGo(t *testing.T) {
	var programs []program
	excerpts := 0
	for path, page := range pages(t) {
		for i, block := range page.Blocks {
			if block.Lang != "go" {
				continue
			}
			where := fmt.Sprintf("%s:%d", path, block.Line)
			if file, ok := strings.CutPrefix(block.Note, "from: "); ok {
				excerpts++
				checkExcerpt(t, where, file, block.Text)
				continue
			}
			p := program{where: where, source: wrap(block)}
			if i+1 < len(page.Blocks) && page.Blocks[i+1].Lang == "text" && page.Blocks[i+1].After == 0 {
				p.output = page.Blocks[i+1].Text
			}
			programs = append(programs, p)
		}
	}
	if len(programs) < 3 || excerpts < 3 {
		t.Errorf("found only %d blocks of Go and %d parts of files", len(programs), excerpts)
	}
	build(t, programs)
}

// checkExcerpt compares a block with the lines of a file, whatever their indentation as a whole.
func checkExcerpt(t *testing.T, where, file, text string) {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	if !strings.Contains("\n"+string(source), "\n"+text) {
		t.Errorf("%s: this is not, line for line, in %s", where, file)
	}
}

// wrap makes a file of a block.
func wrap(block markdown.Block) string {
	imports, ok := strings.CutPrefix(block.Note, "go: ")
	if !ok {
		return block.Text
	}
	var b strings.Builder
	b.WriteString("package main\n\nimport (\n\t_log \"log\"\n")
	for name := range strings.SplitSeq(imports, ",") {
		fmt.Fprintf(&b, "\t%q\n", strings.TrimSpace(name))
	}
	fmt.Fprintf(&b, ")\n\nfunc main() {\n\tif err := block(); err != nil {\n\t\t_log.Fatal(err)\n\t}\n}\n\nfunc block() error {\n%s\treturn nil\n}\n", block.Text)
	return b.String()
}

// build compiles programs as if they lay in the checkout, all at once, and runs those that print. Nothing is written there.
func build(t *testing.T, programs []program) {
	t.Helper()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"build", "-overlay", filepath.Join(dir, "overlay.json")}
	if tags := tags(); tags != "" {
		args = append(args, "-tags", tags)
	}
	for i, p := range programs {
		source := filepath.Join(dir, fmt.Sprintf("block%d.go", i))
		if p.output == "" {
			p.source = strings.Replace(p.source, "package main", fmt.Sprintf("package block%d", i), 1)
		}
		if err := os.WriteFile(source, []byte(p.source), 0o644); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(here, fmt.Sprintf("block%d", i), "main.go")] = source
	}
	text, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	var only []string // compiled, and not linked: they are no programs
	for i, p := range programs {
		name := fmt.Sprintf("./block%d", i)
		if p.output == "" {
			only = append(only, name)
			continue
		}
		said, err := exec.Command("go", append(args, "-o", dir+"/", name)...).CombinedOutput()
		if err != nil {
			t.Errorf("%s does not compile: %s", p.where, said)
			continue
		}
		var stderr bytes.Buffer
		cmd := exec.Command(filepath.Join(dir, filepath.Base(name)))
		cmd.Env = append(os.Environ(), "GOMLX_BACKEND=go")
		cmd.Dir, cmd.Stderr = t.TempDir(), &stderr
		if out, err := cmd.Output(); err != nil || string(out) != p.output {
			t.Errorf("%s prints\n%s%s(%v), expected\n%s", p.where, out, &stderr, err, p.output)
		}
	}
	if said, err := exec.Command("go", append(args, only...)...).CombinedOutput(); err != nil {
		for i, p := range programs {
			said = bytes.ReplaceAll(said, fmt.Appendf(nil, "block%d/main.go", i), []byte(p.where+", line"))
		}
		t.Errorf("blocks that do not compile: %s", said)
	}
}

// tags are those that this test was built with, so that what was compiled for it need not be compiled again.
func tags() string {
	info, _ := debug.ReadBuildInfo()
	if info != nil {
		for _, s := range info.Settings {
			if s.Key == "-tags" {
				return s.Value
			}
		}
	}
	return ""
}
