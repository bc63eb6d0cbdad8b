package notebook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// toolchain is what cells are built with.
type toolchain struct {
	program string   // path of go
	version string   // such as "go1.26.8"
	cgo     string   // CGO_ENABLED: "1" when there is a C compiler, without which only pure Go computes
	flags   []string // GOFLAGS

	internal bool // Go's own linker links cells, without the system's
}

// findToolchain finds Go and a C compiler, by the same rule as the Makefile.
func (k Kernel) findToolchain(ctx context.Context) (toolchain, error) {
	program, err := exec.LookPath("go")
	if err == nil {
		program, err = filepath.Abs(program)
	}
	if err != nil {
		return toolchain{}, errors.New("expected Go on PATH, which compiles the cells of notebooks, found none; https://go.dev/dl tells how to install it")
	}
	t := toolchain{program: program, cgo: os.Getenv("CGO_ENABLED")}
	said, err := k.goCommand(ctx, t, "env", "-json", "GOVERSION", "GOFLAGS")
	if err != nil {
		return toolchain{}, cannotBuild(err)
	}
	var env struct{ GOVERSION, GOFLAGS string }
	if err := json.Unmarshal(said, &env); err != nil {
		return toolchain{}, fmt.Errorf("expected the settings of Go from `%s env -json`, found something else: %w", program, err)
	}
	t.version = env.GOVERSION
	if t.cgo == "" {
		t.cgo = "0"
		if _, err := exec.LookPath(compiler()); err == nil {
			t.cgo = "1"
		}
	}
	t.flags = cellFlags(strings.Fields(env.GOFLAGS), t.cgo)
	return t, nil
}

func compiler() string {
	if cc := strings.Fields(os.Getenv("CC")); len(cc) > 0 {
		return cc[0]
	}
	return "gcc"
}

// cellFlags are the user's own flags with those of cells in place of theirs.
func cellFlags(own []string, cgo string) []string {
	ours := map[string]string{
		"mod":     "-mod=mod", // gets what a cell imports and no one has required yet
		"tags":    "-tags=noxla",
		"ldflags": "-ldflags=-s", // links in half the time; only debuggers miss what it leaves out
	}
	if cgo == "1" {
		ours["tags"] = "-tags=onnx"
	}
	flags := slices.DeleteFunc(slices.Clone(own), func(flag string) bool {
		name, _, _ := strings.Cut(strings.TrimLeft(flag, "-"), "=")
		return ours[name] != "" || name == "modfile"
	})
	return append(flags, ours["mod"], ours["tags"], ours["ldflags"])
}

// build makes the kernel's programs from the checkout's go.mod. Each gets its final name when it is whole.
func (k Kernel) build(ctx context.Context, tools toolchain) error {
	dir, err := os.MkdirTemp(k.Programs, ".building-*")
	if err != nil {
		return fmt.Errorf("cannot build the kernel: %w", err)
	}
	defer os.RemoveAll(dir)
	if _, err := k.goCommand(ctx, tools, "build", "-o", dir+string(filepath.Separator), gonb, "./internal/notebook/goimports", "./internal/notebook/cellgo"); err != nil {
		return cannotBuild(err)
	}
	for name, place := range map[string]string{"gonb": "", "cellgo": "", "goimports": "path"} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(k.Programs, place, name)); err != nil {
			return fmt.Errorf("cannot install the kernel: %w", err)
		}
	}
	return nil
}

// warm compiles what cells can import, so that the first cell need not. A package that does not compile is not the
// kernel's matter: the cell that imports it will say so.
func (k Kernel) warm(ctx context.Context, tools toolchain, messages io.Writer) {
	said, err := k.goCommand(ctx, tools, "list", "-f", "{{if .GoFiles}}{{.ImportPath}}{{end}}", "./...")
	if err == nil {
		packages := slices.DeleteFunc(strings.Fields(string(said)), func(p string) bool {
			return strings.Contains(p, "/internal/") || strings.Contains(p, "/cmd/")
		})
		_, err = k.goCommand(ctx, tools, append([]string{"build", gonb + "/gonbui"}, packages...)...)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(messages, "glimpse: some packages of the checkout do not compile, and cells cannot import them: %s\n", err)
	}
}

// internalLinking are the flags by which Go's own linker links a program that calls C, as cellgo has it link cells. It takes a third less time than a call
// of the system's linker, which Go makes otherwise.
const internalLinking = "-ldflags=-s -linkmode=internal"

// linksInternally says whether that works here: whether a program with every backend is linked so, and runs.
func (k Kernel) linksInternally(ctx context.Context, tools toolchain) bool {
	if tools.cgo != "1" || runtime.GOOS != "linux" {
		return false
	}
	dir, err := os.MkdirTemp("", "glimpse-link-*")
	if err != nil {
		return false
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "linktest")
	if _, err := k.goCommand(ctx, tools, "build", internalLinking, "-o", program, "./internal/notebook/linktest"); err != nil {
		return false
	}
	return exec.CommandContext(ctx, program).Run() == nil
}

// goCommand runs go in the checkout with the settings of cells, and returns what it wrote to standard output.
func (k Kernel) goCommand(ctx context.Context, tools toolchain, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, tools.program, args...)
	cmd.Dir = k.Checkout
	cmd.Env = append(os.Environ(), "GOWORK=off")
	if tools.flags != nil {
		// Only cells may get what no one has required; the checkout's go.mod stays as it is.
		flags := slices.DeleteFunc(slices.Clone(tools.flags), func(flag string) bool { return flag == "-mod=mod" })
		cmd.Env = append(cmd.Env, "GOEXPERIMENT=simd", "CGO_ENABLED="+tools.cgo, "GOFLAGS="+strings.Join(flags, " "))
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	said, err := cmd.Output()
	if err == nil {
		return said, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("stopped while `go %s` was running: %w", args[0], ctx.Err())
	}
	return nil, fmt.Errorf("`go %s` failed in %s: %s (%w)", args[0], k.Checkout, lastLines(stderr.String(), 3), err)
}

func cannotBuild(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("cannot build the kernel: %w; it needs the version of Go that the lab's go.mod names, or a newer one, "+
		"and the first time a network, over which `go mod download` gets the requirements", err)
}

// lastLines are the last n lines of what a program said, on one line.
func lastLines(text string, n int) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "; ")
}
