package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bench is a cell's folder, a lab that it imports, and a go that notes what it is asked for.
type bench struct {
	t *testing.T
	builder
	log string
}

func newBench(t *testing.T) bench {
	golang, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	b := bench{t, builder{golang: filepath.Join(dir, "go"), checkout: filepath.Join(dir, "lab"), kept: filepath.Join(dir, "cells")}, filepath.Join(dir, "log")}
	b.write(b.golang, "#!/bin/sh\necho \"$1\" >>'"+b.log+"'\nexec '"+golang+"' \"$@\"\n")
	if err := os.Chmod(b.golang, 0o755); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(b.checkout, "go.mod"), "module example.org/lab\n\ngo 1.26\n")
	b.write(filepath.Join(b.checkout, "lab.go"), "package lab\n\nconst Says = \"one\"\n")
	b.write(filepath.Join(dir, "cell", "go.mod"), "module gonb_x\n\ngo 1.26.1\n\nrequire example.org/lab v0.0.0\n\nreplace example.org/lab => "+b.checkout+"\n")
	b.write(filepath.Join(dir, "cell", "go.sum"), "")
	t.Chdir(filepath.Join(dir, "cell"))
	t.Setenv("GOFLAGS", "-mod=mod")
	t.Setenv("GOWORK", "off")
	t.Setenv("CGO_ENABLED", "0")
	return b
}

func (b bench) write(path, text string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// cell builds a cell; builds says how often go build is expected to be called, code what comes of it.
func (b bench) cell(what, source string, builds, code int) {
	b.t.Helper()
	_ = os.Remove(b.log)
	b.write("main.go", source)
	if found := b.build([]string{"build", "-o", "program"}); found != code {
		b.t.Fatalf("%s: exit code %d, expected %d", what, found, code)
	}
	log, _ := os.ReadFile(b.log)
	if n := strings.Count(string(log), "build"); n != builds {
		b.t.Errorf("%s: go was called for %q, expected %d builds", what, log, builds)
	}
}

func (b bench) says(what, want string) {
	b.t.Helper()
	if said, err := exec.Command("./program").CombinedOutput(); err != nil || strings.TrimSpace(string(said)) != want {
		b.t.Errorf("%s: the program said %q (%v), expected %q", what, said, err, want)
	}
}

const start = "package main\n\nimport (\n\t\"example.org/lab\"\n\t\"fmt\"\n)\n\nfunc main() { fmt.Println(lab.Says, "

func TestCells(t *testing.T) {
	b := newBench(t)
	b.cell("first", start+"1) }\n", 1, 0)
	b.says("first", "one 1")
	slow, err := buildinfo.ReadFile("program")
	if err != nil {
		t.Fatal(err)
	}

	b.cell("changed", start+"2) }\n", 0, 0)
	b.says("changed", "one 2")
	fast, err := buildinfo.ReadFile("program")
	if err != nil || fast.String() != slow.String() {
		t.Errorf("the program says of its build %v (%v), expected %v", fast, err, slow)
	}

	before, _ := os.Stat("program")
	b.cell("unchanged", start+"2) }\n", 0, 0)
	if after, err := os.Stat("program"); err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the program was built anew: %v, %v", after, err)
	}
	if err := os.Remove("program"); err != nil {
		t.Fatal(err)
	}
	b.cell("program lost", start+"2) }\n", 0, 0)
	b.says("program lost", "one 2")

	b.write(filepath.Join(b.checkout, "lab.go"), "package lab\n\nconst Says = \"two\"\n")
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(filepath.Join(b.checkout, "lab.go"), later, later); err != nil {
		t.Fatal(err)
	}
	b.cell("lab changed", start+"2) }\n", 1, 0)
	b.says("lab changed", "two 2")

	b.write(filepath.Join(b.checkout, "docs", "records", "records.go"), "package records\n\nimport _ \"embed\"\n\n//go:embed one.json\nvar One string\n")
	b.write(filepath.Join(b.checkout, "docs", "records", "one.json"), "1")
	records := strings.Replace(start, "import (", "import (\n\t\"example.org/lab/docs/records\"", 1) + "records.One) }\n"
	b.cell("records", records, 1, 0)
	b.says("records", "two 1")
	b.write(filepath.Join(b.checkout, "docs", "records", "one.json"), "22")
	b.cell("other records", records, 1, 0)
	b.says("other records", "two 22")

	b.cell("before GoNB tells another thing", start+"3) }\n", 0, 0)
	t.Setenv("GONB_TMP_DIR", t.TempDir())
	b.cell("another kernel", start+"4) }\n", 0, 0)
	b.cell("error", start+"3.14 + nothing) }\n", 1, 1) // go build says what is wrong
	b.cell("mended", start+"4) }\n", 0, 0)
	b.cell("another import", strings.Replace(start, "import (", "import (\n\t\"strings\"", 1)+"strings.ToUpper(\"x\")) }\n", 1, 0)
	b.says("another import", "two X")
	b.cell("the first imports again", start+"5) }\n", 0, 0)

	b.write("more.go", "package main\n\nconst more = 6\n")
	b.cell("two files", start+"more) }\n", 0, 0)
	b.says("two files", "two 6")
	entries, err := os.ReadDir(b.kept)
	if err != nil || len(entries) < 3 {
		t.Fatalf("kept %v (%v), expected what is known of several sets", entries, err)
	}
	earlier := time.Now().Add(-11 * 24 * time.Hour)
	if err := os.Chtimes(filepath.Join(b.kept, entries[0].Name()), earlier, earlier); err != nil {
		t.Fatal(err)
	}
	forget(b.kept)
	if left, err := os.ReadDir(b.kept); err != nil || len(left) != len(entries)-1 {
		t.Errorf("kept %v (%v), expected what is not old", left, err)
	}

	t.Setenv("GOENV", filepath.Join(b.checkout, "..", "env"))
	for i, settings := range []string{"GOPRIVATE=a\n", "GOPRIVATE=a,b\n"} { // as go env -w writes them
		b.write(os.Getenv("GOENV"), settings)
		b.cell(fmt.Sprintf("own settings %d", i), start+"4) }\n", 1, 0)
	}
}

// What the compiler or the linker would have to be told more of is left to go build, each time.
func TestLeftToGo(t *testing.T) {
	b := newBench(t)
	plain := "package main\n\nfunc main() { println(1) }\n"
	for what, source := range map[string]string{
		"a directive": "package main\n\nimport _ \"embed\"\n\n//go:embed go.mod\nvar text string\n\nfunc main() { println(len(text)) }\n",
		"a tag":       "//go:build linux\n\npackage main\n\nfunc main() {}\n",
	} {
		b.cell(what, source, 1, 0)
		b.cell(what+", again", source, 1, 0)
	}
	b.cell("C", "package main\n\nimport \"C\"\n\nfunc main() {}\n", 1, 1) // CGO_ENABLED=0
	b.cell("no Go", "packag main\n", 1, 1)
	t.Run("flag", func(t *testing.T) {
		t.Setenv("GOFLAGS", "-mod=mod -trimpath")
		b.cell("a flag", plain, 1, 0)
		b.cell("a flag, again", plain, 1, 0)
	})
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	b.write("../other/go.mod", "module example.org/other\n")
	b.write("go.mod", string(mod)+"replace example.org/other => ../other\n")
	b.cell("another folder", plain, 1, 0)
	b.cell("another folder, again", plain, 1, 0)
	if code := b.build([]string{"build", "-race=false", "-o", "program"}); code != 0 {
		t.Errorf("other arguments: exit code %d", code)
	}
	if code := (builder{golang: "/nonexistent"}).run("version"); code != 1 {
		t.Errorf("no Go: exit code %d", code)
	}
}
