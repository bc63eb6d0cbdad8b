// Glimpse is a lab for one question: how did machines learn to connect pictures and words?
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
