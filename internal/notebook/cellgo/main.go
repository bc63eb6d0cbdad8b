// Cellgo builds the program of a cell for GoNB, which calls `go build -o PROGRAM`, in less time: most cells differ from the one before in a few lines and in
// no import. What `go build` finds out anew each time - which packages there are, where their compiled forms lie, whether any is out of date - is kept with
// a stamp of all it depends on, and then the compiler and the linker are called alone. What was built already is not built again. Whatever is not as
// expected is left to `go build`, and so are all messages: of errors, too.
//
//	cellgo GO CHECKOUT build -o PROGRAM
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// linking is what Go's linker is told: no tables for debuggers, and no call of the system's linker.
var linking = []string{"-s", "-linkmode=internal"}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: cellgo GO CHECKOUT build -o PROGRAM")
		os.Exit(2)
	}
	b := builder{golang: os.Args[1], checkout: os.Args[2], kept: filepath.Join(filepath.Dir(os.Args[0]), "cells")}
	os.Exit(b.build(os.Args[3:]))
}

// builder builds the cell in the working folder.
type builder struct {
	golang   string // path of go
	checkout string // of the lab
	kept     string // folder of what is known of imports
}

// build builds as the arguments say and returns an exit code.
func (b builder) build(args []string) int {
	if len(args) != 3 || args[0] != "build" || args[1] != "-o" {
		return b.run(args...)
	}
	program := args[2]
	c, err := readCell(".")
	if err != nil {
		return b.run(args...)
	}
	key, err := b.stamp(c)
	if err != nil {
		return b.run(args...)
	}
	if builtAlready(c, key, program) {
		return 0
	}
	if links, err := openLinks(b.kept, key); err == nil && links.have(c) && links.build(c, program) == nil {
		noteBuilt(c, key, program)
		return 0
	}
	if code := b.run(args...); code != 0 {
		return code
	}
	if err := b.keepLinks(key, program); err == nil {
		noteBuilt(c, key, program)
	}
	return 0
}

// run runs go with the arguments and returns its exit code.
func (b builder) run(args ...string) int {
	if args[0] == "build" {
		flags := "-ldflags=" + linking[0]
		for _, f := range linking[1:] {
			flags += " " + f
		}
		args = slices.Insert(slices.Clone(args), 1, flags)
	}
	cmd := exec.Command(b.golang, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		fmt.Fprintln(os.Stderr, "glimpse:", err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}
