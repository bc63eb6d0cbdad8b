package notebook

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Check executes a notebook from its first cell to its last without a browser, as jupyter-nbconvert does, and returns
// it with what its cells showed. The notebook itself is not written to; its cells run in its folder.
//
// When cells fail, the error names the first of them with what it said, and the document is returned even so.
func (k Kernel) Check(ctx context.Context, path string) (*Document, error) {
	nbconvert, err := jupyterProgram("jupyter-nbconvert", "jupyter-nbconvert")
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(k.specFile()); err != nil {
		return nil, fmt.Errorf("expected the kernel %q in %s, found none; `glimpse notebook install` brings it", DisplayName, k.Spec())
	}
	if _, err := Read(path); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "glimpse-notebook-*")
	if err != nil {
		return nil, fmt.Errorf("cannot execute %s: %w", path, err)
	}
	defer os.RemoveAll(dir)
	cmd := exec.CommandContext(ctx, nbconvert, "--to", "notebook", "--execute", "--allow-errors", "--output-dir", dir, "--output", "executed",
		"--ExecutePreprocessor.kernel_name="+Name, "--ExecutePreprocessor.timeout=1800", path)
	cmd.Env = append(os.Environ(), k.jupyterPath(), plainErrors+"=1")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // ends the kernel as well
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("stopped while %s was running: %w", path, ctx.Err())
		}
		return nil, fmt.Errorf("cannot execute %s: %s said: %s (%w)", path, nbconvert, lastLines(said.String(), 3), err)
	}
	doc, err := Read(filepath.Join(dir, "executed.ipynb"))
	if err != nil {
		return nil, err
	}
	return doc, doc.firstFailure(path)
}

func (d *Document) firstFailure(path string) error {
	for i, c := range d.Code() {
		if said := c.Failure(); said != "" {
			return fmt.Errorf("code cell %d of %s failed: %s", i+1, path, said)
		}
	}
	return nil
}
