package notebook

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var scratch string // a folder for all tests

func TestMain(m *testing.M) {
	code := func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "glimpse-notebook-test-*"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		return m.Run()
	}()
	os.Exit(code)
}

var installOnce = sync.OnceValues(func() (Kernel, error) {
	checkout, err := findCheckout()
	if err != nil {
		return Kernel{}, err
	}
	k := Kernel{Checkout: checkout, Programs: filepath.Join(scratch, "its programs"), Jupyter: filepath.Join(scratch, "jupyter")}
	return k, k.Install(context.Background(), os.Stderr)
})

// installed is a kernel in folders of the tests, built offline.
func installed(t *testing.T) Kernel {
	t.Helper()
	t.Setenv("GOPROXY", "off")
	k, err := installOnce()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// needJupyter fails when a program of Jupyter is missing, unless this machine is known to have none.
func needJupyter(t *testing.T, program string) {
	t.Helper()
	for _, name := range []string{"JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"} {
		t.Setenv(name, t.TempDir())
	}
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("GLIMPSE_NO_JUPYTER") == "1" {
			t.Skip(program + " is not on this machine (GLIMPSE_NO_JUPYTER=1)")
		}
		t.Fatalf("expected %s, found none: `%s` brings it; GLIMPSE_NO_JUPYTER=1 skips the tests that need it", program, sudo("apt-get install -y "+program))
	}
}

// writeNotebook writes a notebook with the given code cells and returns its path.
func writeNotebook(t *testing.T, cells ...string) string {
	t.Helper()
	var all []string
	for _, source := range cells {
		all = append(all, fmt.Sprintf(`{"cell_type": "code", "metadata": {}, "execution_count": null, "outputs": [], "source": %q}`, source))
	}
	path := filepath.Join(t.TempDir(), "a notebook.ipynb")
	text := `{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [` + strings.Join(all, ",") + `]}`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// sentence checks that an error is one line that holds each of the parts.
func sentence(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("expected an error with %q, got none", parts)
	}
	for _, part := range append(parts, "") {
		if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "goroutine ") {
			t.Errorf("expected one line with %q, got %q", part, err)
		}
	}
}

// lockedBuffer is a buffer that a program writes while a test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
