package notebook

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// Surroundings are what cells find when a notebook is executed; the zero value is what they find when its reader opens it.
type Surroundings struct {
	Folder string   // where cells run: the notebook's own folder when it is empty
	Env    []string // environment variables, NAME=VALUE, that differ from this program's
}

// Check executes a notebook from its first cell to its last without a browser, as jupyter-nbconvert does, and returns
// it with what its cells showed. The notebook itself is not written to; its cells run in its folder.
//
// When cells fail, the error names the first of them with what it said, and the document is returned even so.
func (k Kernel) Check(ctx context.Context, path string) (*Document, error) {
	dir, err := os.MkdirTemp("", "glimpse-notebook-*")
	if err != nil {
		return nil, fmt.Errorf("cannot execute %s: %w", path, err)
	}
	defer os.RemoveAll(dir)
	return k.execute(ctx, path, dir, Surroundings{})
}

// Export executes a notebook, as [Kernel.Check] does, and writes what it showed as a page of HTML into the folder out. It returns the
// page's path. A notebook whose cells fail becomes no page.
func (k Kernel) Export(ctx context.Context, path, out string, s Surroundings) (page string, err error) {
	dir, err := os.MkdirTemp("", "glimpse-notebook-*")
	if err != nil {
		return "", fmt.Errorf("cannot execute %s: %w", path, err)
	}
	defer os.RemoveAll(dir)
	if _, err := k.execute(ctx, path, dir, s); err != nil {
		return "", err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", fmt.Errorf("expected a folder for pages, found: %w", err)
	}
	executed := filepath.Join(dir, stem(path)+".ipynb")
	if _, err := k.convert(ctx, nil, "--to", "html", "--output-dir", dir, executed); err != nil {
		return "", fmt.Errorf("cannot make a page of %s: %w", path, err)
	}
	name := stem(path) + ".html"
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return "", fmt.Errorf("cannot make a page of %s: %w", path, err)
	}
	page = filepath.Join(out, name)
	return page, atomicfile.WriteFile(page, text)
}

// CanExecute says what is missing for notebooks to be executed without a browser, if anything but the kernel is.
func CanExecute() error {
	_, err := jupyterProgram("jupyter-nbconvert", "jupyter-nbconvert")
	return err
}

// execute writes the executed notebook into the folder dir, under its own name.
func (k Kernel) execute(ctx context.Context, path, dir string, s Surroundings) (*Document, error) {
	if err := CanExecute(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(k.specFile()); err != nil {
		return nil, fmt.Errorf("expected the kernel %q in %s, found none; `glimpse notebook install` brings it", DisplayName, k.Spec())
	}
	if _, err := Read(path); err != nil {
		return nil, err
	}
	from := path
	if s.Folder != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("cannot read the notebook: %w", err)
		}
		from = filepath.Join(s.Folder, filepath.Base(path))
		if err := os.WriteFile(from, text, 0o644); err != nil {
			return nil, fmt.Errorf("cannot execute %s: %w", path, err)
		}
	}
	processor, err := k.convert(ctx, s.Env, "--to", "notebook", "--execute", "--allow-errors", "--output-dir", dir, "--output", stem(path),
		"--ExecutePreprocessor.kernel_name="+Name, "--ExecutePreprocessor.timeout=1800", from)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("stopped while %s was running: %w", path, ctx.Err())
	}
	if err != nil {
		return nil, fmt.Errorf("cannot execute %s: %w", path, err)
	}
	doc, err := Read(filepath.Join(dir, stem(path)+".ipynb"))
	if err != nil {
		return nil, err
	}
	doc.Processor = processor
	return doc, doc.firstFailure(path)
}

// stem is the name of a file without its folder and its ending.
func stem(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}

// convert runs jupyter-nbconvert and says how much processor time it took, with all that it has started.
func (k Kernel) convert(ctx context.Context, env []string, args ...string) (processor time.Duration, err error) {
	nbconvert, err := jupyterProgram("jupyter-nbconvert", "jupyter-nbconvert")
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, nbconvert, args...)
	cmd.Env = append(append(os.Environ(), k.jupyterPath(), plainErrors+"=1"), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // ends the kernel as well
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%s said: %s (%w)", nbconvert, lastLines(said.String(), 3), err)
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

func (d *Document) firstFailure(path string) error {
	for i, c := range d.Code() {
		if said := c.Failure(); said != "" {
			return fmt.Errorf("code cell %d of %s failed: %s", i+1, path, said)
		}
	}
	return nil
}
