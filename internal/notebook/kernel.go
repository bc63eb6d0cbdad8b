// Package notebook makes Jupyter speak the lab's Go: it installs a kernel in which `import
// "github.com/glimpse-ml/glimpse/plots"` works in the first cell of any notebook, opens Jupyter on the lesson, and
// executes notebooks without a browser.
//
// The kernel is GoNB, built from the tool line of the checkout's go.mod. GoNB compiles each cell as a program in an
// empty module of its own, with the go and goimports that it finds on PATH. The kernel therefore starts through a
// script that puts two programs of ours in front of PATH: a go that begins such a module with the requirements and
// the checksums of the checkout, so that nothing is asked from the network, and a goimports built from go.mod too.
//
// Everything of a user's lies in two folders, [Kernel.Programs] and [Kernel.Spec]; the checkout is not written to.
package notebook

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

const (
	// Name is the kernel's name in notebooks and for Jupyter's commands.
	Name = "glimpse"
	// DisplayName is what Jupyter's menus show.
	DisplayName = "Glimpse (Go)"

	module = "github.com/glimpse-ml/glimpse"
	gonb   = "github.com/janpfeifer/gonb"
)

// Kernel says where the lab's kernel lies, or will lie once installed.
type Kernel struct {
	Checkout string // folder with the lab's go.mod: the packages that cells import
	Programs string // folder for the kernel's programs, in the user's cache
	Jupyter  string // the user's data folder of Jupyter
}

// Find is the kernel of this user for the checkout that holds the current folder or, failing that, this program.
// The user's folders follow XDG_CACHE_HOME, and JUPYTER_DATA_DIR or XDG_DATA_HOME, as Jupyter has it.
func Find() (Kernel, error) {
	checkout, err := findCheckout()
	if err != nil {
		return Kernel{}, err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return Kernel{}, fmt.Errorf("expected a cache folder of yours for the notebook's kernel, found none (%w); set XDG_CACHE_HOME to a folder", err)
	}
	data, err := jupyterData()
	if err != nil {
		return Kernel{}, err
	}
	return Kernel{Checkout: checkout, Programs: filepath.Join(cache, "glimpse", "notebook"), Jupyter: data}, nil
}

// Spec is the folder that tells Jupyter of the kernel.
func (k Kernel) Spec() string { return filepath.Join(k.Jupyter, "kernels", Name) }

// Notebooks is the folder of the lesson.
func (k Kernel) Notebooks() string { return filepath.Join(k.Checkout, "notebooks") }

// command is the program that the kernel specification starts.
func (k Kernel) command() string { return filepath.Join(k.Programs, "kernel") }

func (k Kernel) specFile() string { return filepath.Join(k.Spec(), "kernel.json") }

// jupyterData is the user's data folder as Jupyter 4 and 5 compute it.
func jupyterData() (string, error) {
	if dir := os.Getenv("JUPYTER_DATA_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("expected a home folder, in which Jupyter looks for kernels, found none (%w); set JUPYTER_DATA_DIR to a folder", err)
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Jupyter"), nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "jupyter"), nil
	}
	return filepath.Join(home, ".local", "share", "jupyter"), nil
}

var moduleLine = regexp.MustCompile(`(?m)^module ` + regexp.QuoteMeta(module) + `\s*$`)

func findCheckout() (string, error) {
	var starts []string
	if dir, err := os.Getwd(); err == nil {
		starts = append(starts, dir)
	}
	if program, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(program); err == nil {
			program = real
		}
		starts = append(starts, filepath.Dir(program))
	}
	for _, dir := range starts {
		for {
			if mod, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && moduleLine.Match(mod) {
				return dir, nil
			}
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	return "", errors.New("expected to be run in a checkout of Glimpse, whose packages the notebooks import, found none " +
		"around the current folder and around this program; `git clone https://" + module + "` brings one")
}

// jupyterProgram finds one of Jupyter's programs on PATH.
func jupyterProgram(apt string, names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("expected %s on PATH, found none; `%s` brings it", strings.Join(names, " or "), sudo("apt-get install -y "+apt))
}

func sudo(command string) string {
	if os.Geteuid() == 0 {
		return command
	}
	return "sudo " + command
}
