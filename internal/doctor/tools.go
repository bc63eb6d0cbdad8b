package doctor

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// tool is a program of the machine that some part of the lab uses.
type tool struct {
	name     string   // in the report
	programs []string // any of these will do
	version  []string // arguments that make it say its version; nil for programs that take long to start
	use      string   // what for
	get      string   // the command that brings it
}

func wanted() []tool {
	return []tool{
		{"git", []string{"git"}, []string{"--version"}, "records which code made a run", apt("git")},
		{"cc", []string{"cc", "gcc", "clang"}, []string{"--version"}, "builds with ONNX Runtime and XLA", apt("gcc libc6-dev")},
		{"go", []string{"go"}, []string{"version"}, "builds the lab and runs notebook cells",
			"curl -fsSL https://go.dev/dl/" + goRelease() + "." + runtime.GOOS + "-" + runtime.GOARCH + ".tar.gz | " + sudo("tar -C /usr/local -xz")},
		{"make", []string{"make"}, nil, "make demo, make test", apt("make")},
		{"jupyter", []string{"jupyter-lab", "jupyter-notebook"}, nil, "shows the notebooks", apt("jupyter-notebook")},
		{"nbconvert", []string{"jupyter-nbconvert"}, nil, "runs notebooks without a browser, as the tests do", apt("jupyter-nbconvert")},
	}
}

func apt(packages string) string { return sudo("apt-get install -y " + packages) }

func sudo(command string) string {
	if os.Geteuid() == 0 {
		return command
	}
	return "sudo " + command
}

// goRelease is the Go release that built this program, without the experiments that runtime.Version adds.
func goRelease() string {
	release, _, _ := strings.Cut(runtime.Version(), " ")
	release, _, _ = strings.Cut(release, "-")
	return release
}

// lookForTools finds the programs and asks them for their versions, all at once because some are slow to answer.
func lookForTools(ctx context.Context) <-chan map[string]string {
	out := make(chan map[string]string, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		found := map[string]string{}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for _, t := range wanted() {
			wg.Go(func() {
				if answer := t.ask(ctx); answer != "" {
					mu.Lock()
					defer mu.Unlock()
					found[t.name] = answer
				}
			})
		}
		wg.Wait()
		out <- found
	}()
	return out
}

var versionNumber = regexp.MustCompile(`\d+(\.\d+)+`)

// ask is the tool's version, its path when it does not say one, or "" when it is not there.
func (t tool) ask(ctx context.Context) string {
	for _, program := range t.programs {
		path, err := exec.LookPath(program)
		if err != nil {
			continue
		}
		if t.version == nil {
			return path
		}
		cmd := exec.CommandContext(ctx, path, t.version...)
		cmd.WaitDelay = time.Second
		said, err := cmd.Output()
		if err != nil {
			continue // such as a stub that tells how to install the real one
		}
		first, _, _ := strings.Cut(string(said), "\n")
		if number := versionNumber.FindString(first); number != "" {
			return number
		}
		return path
	}
	return ""
}

func (r *Report) examineTools(found map[string]string) {
	for _, t := range wanted() {
		if answer, ok := found[t.name]; ok {
			r.Tools[t.name] = answer
		} else {
			r.miss(t.name+" ("+t.use+")", t.get)
		}
	}
	// The kernel is built from the checkout's go.mod, so that it is the version the notebooks are tested with.
	const build = "glimpse notebook install"
	kernel, broken := findKernel(kernelFolders(), "glimpse")
	switch {
	case kernel != "":
		r.Tools["gonb"] = kernel
	case broken != "":
		r.miss("GoNB kernel (runs Go in notebooks): "+broken, build)
	default:
		r.miss("GoNB kernel (runs Go in notebooks)", build)
	}
}

// findKernel returns the program that a Jupyter kernel starts, or what is wrong with the kernel that is there.
func findKernel(folders []string, name string) (program, broken string) {
	for _, folder := range folders {
		path := filepath.Join(folder, "kernels", name, "kernel.json")
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var spec struct{ Argv []string }
		if err := json.Unmarshal(data, &spec); err != nil || len(spec.Argv) == 0 {
			return "", path + " is no kernel description"
		}
		if _, err := exec.LookPath(spec.Argv[0]); err != nil {
			return "", path + " starts " + spec.Argv[0] + ", which is not there"
		}
		return spec.Argv[0], ""
	}
	return "", ""
}

// kernelFolders are the data folders of Jupyter in its order: JUPYTER_PATH, the user's, that of the Python
// environment which the jupyter on PATH belongs to, the system's.
func kernelFolders() []string {
	folders := filepath.SplitList(os.Getenv("JUPYTER_PATH"))
	home, _ := os.UserHomeDir()
	switch {
	case os.Getenv("JUPYTER_DATA_DIR") != "":
		folders = append(folders, os.Getenv("JUPYTER_DATA_DIR"))
	case runtime.GOOS == "darwin":
		folders = append(folders, filepath.Join(home, "Library", "Jupyter"))
	case os.Getenv("XDG_DATA_HOME") != "":
		folders = append(folders, filepath.Join(os.Getenv("XDG_DATA_HOME"), "jupyter"))
	default:
		folders = append(folders, filepath.Join(home, ".local", "share", "jupyter"))
	}
	if jupyter, err := exec.LookPath("jupyter"); err == nil {
		folders = append(folders, filepath.Join(filepath.Dir(filepath.Dir(jupyter)), "share", "jupyter"))
	}
	folders = append(folders, "/usr/local/share/jupyter", "/usr/share/jupyter")
	return slices.DeleteFunc(folders, func(f string) bool { return f == "" })
}
