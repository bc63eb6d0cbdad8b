package backend

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
)

// Symbols by which the two kinds of libraries are known: every ONNX Runtime has the first, every PJRT plugin the second.
const (
	ortSymbol  = "OrtGetApiBase"
	pjrtSymbol = "GetPjrtApi"
)

// checkLibrary looks into a shared library before the dynamic linker does, because the linker takes a file's
// word for what it holds: a truncated library kills the process with SIGBUS instead of giving an error. It checks
// that path is a whole ELF library for this processor that exports symbol. The error names no path: callers do.
func checkLibrary(path, symbol string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return errors.New("there is no such file")
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("it is no regular file (%s)", info.Mode().Type())
	case info.Size() == 0:
		return errors.New("the file is empty")
	}
	f, err := elf.Open(path)
	if err != nil {
		if os.IsPermission(err) {
			return err
		}
		return fmt.Errorf("it is no whole shared library (%d bytes; %s)", info.Size(), oneLine(err))
	}
	defer f.Close()
	if want := machine(); f.Type != elf.ET_DYN || f.Machine != want || f.Class != elf.ELFCLASS64 {
		return fmt.Errorf("it is made for another machine or use: %s %s %s, expected %s %s", f.Machine, f.Class, f.Type, want, elf.ET_DYN)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Off+p.Filesz > uint64(info.Size()) {
			return fmt.Errorf("it is truncated: %d bytes, of at least %d", info.Size(), p.Off+p.Filesz)
		}
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("it is no whole shared library: %s", oneLine(err))
	}
	exported := func(s elf.Symbol) bool { return s.Name == symbol && s.Section != elf.SHN_UNDEF }
	if !slices.ContainsFunc(symbols, exported) {
		return fmt.Errorf("it is a library of another kind: it does not export %s", symbol)
	}
	return nil
}

// machine is this processor's name in ELF files.
func machine() elf.Machine {
	switch runtime.GOARCH {
	case "amd64":
		return elf.EM_X86_64
	case "arm64":
		return elf.EM_AARCH64
	}
	return elf.EM_NONE
}

// LibraryVersion is the version that an ONNX Runtime library carries in its symbol versions, such as "1.30.0",
// read without loading it; "" when it carries none.
func LibraryVersion(path string) string {
	f, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	versions, err := f.DynamicVersions()
	if err != nil {
		return ""
	}
	for _, v := range versions {
		if number, found := strings.CutPrefix(v.Name, "VERS_"); found {
			return number
		}
	}
	return ""
}
