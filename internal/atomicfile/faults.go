package atomicfile

import (
	"sync/atomic"
)

// Op is something that is done to a file and can fail.
type Op string

// The operations.
const (
	Creating Op = "create"
	Writing  Op = "write"
	Syncing  Op = "sync"
	Renaming Op = "rename"
)

// faults is what fails, for tests; nil outside them.
var faults atomic.Pointer[func(op Op, path string) error]

// InjectFaults makes operations fail as fail says, until undo is called: full and broken disks for tests, which must not run beside others.
func InjectFaults(fail func(op Op, path string) error) (undo func()) {
	faults.Store(&fail)
	return func() { faults.Store(nil) }
}

// Fault is the error that an operation is to fail with; nil outside tests. Whoever writes a file piece by piece, without this package,
// asks it before every piece.
func Fault(op Op, path string) error {
	if fail := faults.Load(); fail != nil {
		return (*fail)(op, path)
	}
	return nil
}

// Write writes p. A disk that gets full takes the first half.
func (f *File) Write(p []byte) (int, error) {
	if err := Fault(Writing, f.path); err != nil {
		n, _ := f.File.Write(p[:len(p)/2])
		return n, err
	}
	return f.File.Write(p)
}

// Sync makes what was written durable.
func (f *File) Sync() error {
	if err := Fault(Syncing, f.path); err != nil {
		return err
	}
	return f.File.Sync()
}
