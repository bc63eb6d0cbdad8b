package notebook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Server says how Jupyter is to be started.
type Server struct {
	Open      string // the notebook or folder to show first
	Port      int    // 0 lets Jupyter choose one that is free
	NoBrowser bool   // only print the address
}

// Check says what Jupyter would lack to be started so, if anything: before a kernel is built, which takes minutes.
func (s Server) Check() error {
	_, _, err := s.ready()
	return err
}

// ready finds Jupyter and what it is to open.
func (s Server) ready() (jupyter string, open os.FileInfo, err error) {
	if jupyter, err = jupyterProgram("jupyter-notebook", "jupyter-lab", "jupyter-notebook"); err != nil {
		return "", nil, err
	}
	if open, err = os.Stat(s.Open); err != nil {
		return "", nil, fmt.Errorf("expected a notebook or a folder to open, found: %w", err)
	}
	if s.Port != 0 {
		err = portFree(s.Port)
	}
	return jupyter, open, err
}

// Run starts Jupyter, bound to 127.0.0.1 and with its token, and returns when it has ended, which the end of ctx
// brings about. What Jupyter says, its address first of all, goes to messages.
func (k Kernel) Run(ctx context.Context, s Server, messages io.Writer) error {
	jupyter, info, err := s.ready()
	if err != nil {
		return err
	}
	args := []string{"--ip=127.0.0.1"}
	if s.Port != 0 {
		args = append(args, "--port="+strconv.Itoa(s.Port))
	}
	if s.NoBrowser {
		args = append(args, "--no-browser")
		if !info.IsDir() {
			s.Open = filepath.Dir(s.Open) // Jupyter Notebook 6 opens a browser all the same when it is given a file
		}
	}
	if os.Geteuid() == 0 {
		args = append(args, "--allow-root") // which Jupyter asks for; it listens to this machine alone
	}
	cmd := exec.CommandContext(ctx, jupyter, append(args, s.Open)...)
	cmd.Env = append(os.Environ(), k.jupyterPath())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, messages, messages
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // Jupyter ends its kernels first
	cmd.WaitDelay = 15 * time.Second
	err = cmd.Run()
	if ctx.Err() != nil {
		return nil // it was asked to stop, and has
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("expected Jupyter to run until it is stopped, it ended with exit code %d; what it said stands above", exit.ExitCode())
	}
	if err != nil {
		return fmt.Errorf("cannot start Jupyter: %w", err)
	}
	return nil
}

func portFree(port int) error {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("expected a port that Jupyter can listen to, found %d: %w; leave --port out to have one chosen", port, err)
	}
	return listener.Close()
}

// jupyterPath is the setting by which Jupyter finds the kernel wherever the user's data folder is.
func (k Kernel) jupyterPath() string {
	path := k.Jupyter
	if more := os.Getenv("JUPYTER_PATH"); more != "" {
		path += string(os.PathListSeparator) + more
	}
	return "JUPYTER_PATH=" + path
}
