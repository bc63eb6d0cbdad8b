// Goimports is the small part of the tool of that name which GoNB calls before it compiles a cell: `goimports -w
// FILE` drops the imports that the cell does not use and adds those of the standard library, of the lab and of its
// requirements that it does.
package main

import (
	"bytes"
	"fmt"
	"go/scanner"
	"os"

	"golang.org/x/tools/imports"
)

func main() {
	if len(os.Args) != 3 || os.Args[1] != "-w" {
		fmt.Fprintln(os.Stderr, "usage: goimports -w FILE")
		os.Exit(2)
	}
	if err := fix(os.Args[2]); err != nil {
		scanner.PrintError(os.Stderr, err) // file:line:column: message, which GoNB maps to lines of cells
		os.Exit(1)
	}
}

func fix(path string) error {
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	after, err := imports.Process(path, before, nil)
	if err != nil || bytes.Equal(before, after) {
		return err
	}
	return os.WriteFile(path, after, 0o644)
}
