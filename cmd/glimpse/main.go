// Glimpse is a lab for one question: how did machines learn to connect pictures and words?
package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
)

func main() {
	withoutFMA()
	if os.Getenv("GOGC") == "" { // few, large tensors: collecting often is cheap, and twice the weights is much memory
		debug.SetGCPercent(25)
	}
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// withoutFMA starts the program again with GODEBUG=cpu.fma=off, once. On processors with AVX, Go 1.26's math.Exp is up
// to 100 times slower after SIMD code has run (docs/upstream.md), and the pure Go backend's training step 3 times.
// The setting is read when a process starts, so it cannot be changed later. It can go when Go clears the upper
// halves of the registers.
func withoutFMA() {
	settings := os.Getenv("GODEBUG")
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" || strings.Contains(settings, "cpu.fma") {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	if settings != "" {
		settings += ","
	}
	if err := os.Setenv("GODEBUG", settings+"cpu.fma=off"); err != nil {
		return
	}
	_ = syscall.Exec(self, os.Args, os.Environ()) // comes back only when it fails: then go on without
}
