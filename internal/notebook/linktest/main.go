// Linktest is a program that holds what cells of the lesson hold, backends included. Whether it can be linked without the system's
// linker, and then runs, decides how cells are linked: see internalLinking in package notebook.
package main

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/notebooks/lesson"
)

func main() {
	fmt.Println(lesson.Backend().Description())
}
