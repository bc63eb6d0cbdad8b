package notebook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// Install builds the kernel's programs and tells Jupyter of them. What is installed already and up to date is kept.
// Messages, one line each, say what takes long. It needs no network when Go's module cache has the requirements.
func (k Kernel) Install(ctx context.Context, messages io.Writer) error {
	tools, err := k.findToolchain(ctx)
	if err != nil {
		return err
	}
	stamp, err := k.stamp(tools)
	if err != nil {
		return err
	}
	spec, err := k.spec(stamp)
	if err != nil {
		return err
	}
	if k.upToDate(spec) {
		return nil
	}
	fmt.Fprintln(messages, "glimpse: building the notebooks' Go kernel and the packages that cells import (minutes the first time)")
	for _, dir := range []string{filepath.Join(k.Programs, "path"), k.Spec()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot install the kernel: expected a folder that can be written to, found: %w; "+
				"XDG_CACHE_HOME and JUPYTER_DATA_DIR choose other folders", err)
		}
	}
	if err := k.build(ctx, tools); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(k.Programs, "cells")); err != nil { // what older programs have kept of cells
		return fmt.Errorf("cannot install the kernel: %w", err)
	}
	k.warm(ctx, tools, messages)
	tools.internal = k.linksInternally(ctx, tools)
	for path, text := range k.scripts(tools) {
		if err := writeScript(path, text); err != nil {
			return err
		}
	}
	return atomicfile.WriteFile(k.specFile(), spec) // last: Jupyter sees the kernel when it is whole
}

// Uninstall removes what Install wrote; nothing there is no error.
func (k Kernel) Uninstall() error {
	return errors.Join(os.RemoveAll(k.Spec()), os.RemoveAll(k.Programs))
}

func (k Kernel) upToDate(spec []byte) bool {
	have, err := os.ReadFile(k.specFile())
	if err != nil || !bytes.Equal(have, spec) {
		return false
	}
	return !slices.ContainsFunc(k.programs(), func(path string) bool {
		info, err := os.Stat(path)
		return err != nil || info.Mode()&0o111 == 0
	})
}

func (k Kernel) programs() []string {
	path := filepath.Join(k.Programs, "path")
	return []string{k.command(), filepath.Join(k.Programs, "gonb"), filepath.Join(k.Programs, "cellgo"), filepath.Join(path, "go"), filepath.Join(path, "goimports")}
}

// stamp is a checksum of what the kernel is built from.
func (k Kernel) stamp(tools toolchain) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, tools.version)
	for _, path := range append(k.helperSources(), filepath.Join(k.Checkout, "go.mod")) {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("cannot read the checkout that notebooks import: %w", err)
		}
		fmt.Fprintf(sum, "%d %s", len(text), text)
	}
	scripts := k.scripts(tools)
	for _, path := range slices.Sorted(maps.Keys(scripts)) {
		fmt.Fprintf(sum, "%s %d %s", path, len(scripts[path]), scripts[path])
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (k Kernel) helperSources() []string {
	sources, _ := filepath.Glob(filepath.Join(k.Checkout, "internal", "notebook", "*", "*.go")) // cellgo, goimports and linktest
	return sources
}

// writeScript writes a program of the shell, whole or not at all.
func writeScript(path, text string) error {
	f, err := atomicfile.Create(path)
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.WriteString(text); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	if err := f.Chmod(0o755); err != nil {
		return err
	}
	return f.Commit()
}
