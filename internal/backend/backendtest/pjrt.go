//go:build cgo && !noxla && linux

package backendtest

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/backend"
)

//go:embed testdata/pjrt.c
var pjrtSource string

// XLA is the XLA backend over a PJRT plugin of several devices that computes nothing: results are numbers between a half and one. It shows what
// XLA is given, and that buffers are on the devices where they have to be and alive when they are used, which the plugin holds against the rules.
type XLA struct {
	folder  string
	devices int
}

// OpenXLA opens n devices until the test ends. It skips the test where there is no C compiler.
func OpenXLA(t testing.TB, n int) (*backend.Backend, *XLA) {
	t.Helper()
	x := MakeXLA(t, n)
	return Open(t, "xla:"+filepath.Join(x.folder, pluginFile)), x
}

// pluginFile gives the plugin the name test.
const pluginFile = "pjrt_c_api_test_plugin.so"

// MakeXLA makes the plugin the only one that is found until the test ends, for programs that open a backend themselves; its name is test.
// A process opens it by this name once and never by its path before: go-xla keeps the names of plugins that it has loaded.
func MakeXLA(t testing.TB, n int) *XLA {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler to make a PJRT plugin with")
	}
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gomlx/go-xla").Output()
	if err != nil {
		t.Fatalf("cannot find the header of PJRT: %v", err)
	}
	x := &XLA{t.TempDir(), n}
	source, library := filepath.Join(x.folder, "pjrt.c"), filepath.Join(x.folder, pluginFile)
	if err := os.WriteFile(source, []byte(pjrtSource), 0o644); err != nil {
		t.Fatal(err)
	}
	header := filepath.Join(strings.TrimSpace(string(module)), "pjrt")
	if out, err := exec.Command(cc, "-std=gnu11", "-shared", "-fPIC", "-I", header, "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("cc: %v\n%s", err, out)
	}
	t.Setenv("PJRT_TEST_DEVICES", fmt.Sprint(n))
	t.Setenv("PJRT_TEST_FOLDER", x.folder)
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", x.folder)
	return x
}

// Program is what XLA was given to compile.
type Program struct {
	Text              string // StableHLO
	Options           []byte // CompileOptionsProto
	Arguments, Result []Placed
}

// Placed is an argument or a result of a program: its shape on all devices together, and which of its axes are cut over which of the mesh.
type Placed struct {
	Name     string // "" for a result
	Shape    string // such as 16x8xf32
	Sharding string // such as {"batch"}, {}; "none" where XLA is free to choose
}

// Cut says whether the first axis is cut.
func (p Placed) Cut() bool { return strings.HasPrefix(p.Sharding, `{"`) }

var placePattern = regexp.MustCompile(`(?:%(\w+): )?tensor<([^>]*)>(?: \{ sdy\.sharding = #sdy\.sharding<@mesh, \[(.*?)\]> \})?(?:, |\))`)

// Programs are those that were compiled, in their order.
func (x *XLA) Programs(t testing.TB) (programs []Program) {
	t.Helper()
	for n := 1; ; n++ {
		text, err := os.ReadFile(filepath.Join(x.folder, fmt.Sprintf("%03d.mlir", n)))
		if errors.Is(err, fs.ErrNotExist) {
			return programs
		}
		options, err2 := os.ReadFile(filepath.Join(x.folder, fmt.Sprintf("%03d.options", n)))
		_, main, found := strings.Cut(string(text), "@main(")
		main, _, _ = strings.Cut(main, "{\n")
		arguments, results, arrow := strings.Cut(main, ") -> ") // several results in brackets, one without
		if err := errors.Join(err, err2); err != nil || !found || !arrow {
			t.Fatalf("program %d has no function main (%v): %.200s", n, err, text)
		}
		programs = append(programs, Program{string(text), options, places(arguments + ")"), places(strings.TrimSuffix(strings.TrimSpace(results), ")") + ")")})
	}
}

func places(list string) (all []Placed) {
	for _, m := range placePattern.FindAllStringSubmatch(list, -1) {
		p := Placed{m[1], m[2], m[3]}
		if !strings.Contains(m[0], "sdy.sharding") {
			p.Sharding = "none"
		}
		all = append(all, p)
	}
	return all
}

// Executions fails the test unless every execution of a program gave each device what the program's sharding says: its part of what
// is cut, all of the rest. It returns how often each program was executed, in the order of Programs.
func (x *XLA) Executions(t testing.TB) []int {
	t.Helper()
	programs := x.Programs(t)
	counts := make([]int, len(programs))
	log, err := os.ReadFile(filepath.Join(x.folder, "executions"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(log)) {
		var execution, program, device, argument int
		var shape string
		if _, err := fmt.Sscan(line, &execution, &program, &device, &argument, &shape); err != nil {
			t.Fatalf("cannot read %q: %v", line, err)
		}
		want := programs[program-1].Arguments[argument]
		if want.Cut() {
			first, rest, _ := strings.Cut(want.Shape, "x")
			n, err := strconv.Atoi(first)
			if err != nil || n%x.devices != 0 {
				t.Fatalf("%s has the shape %s, which %d devices do not share evenly", want.Name, want.Shape, x.devices)
			}
			want.Shape = fmt.Sprintf("%dx%s", n/x.devices, rest)
		}
		if shape != want.Shape {
			t.Errorf("execution %d, device %d: %s has the shape %s, expected %s", execution, device, want.Name, shape, want.Shape)
		}
		if device == 0 && argument == 0 {
			counts[program-1]++
		}
	}
	return counts
}
