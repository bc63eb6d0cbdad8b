package evaluate

import (
	"maps"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/datasets"
)

// classesOf lists, in order, the classes with at least least examples. Examples without a class do not count.
func classesOf(examples []datasets.Example, class func(datasets.Example) string, least int) []string {
	counts := map[string]int{}
	for _, e := range examples {
		counts[class(e)]++
	}
	delete(counts, "")
	maps.DeleteFunc(counts, func(_ string, n int) bool { return n < least })
	return slices.Sorted(maps.Keys(counts))
}

// ByAttribute reads an example's class from one of its attributes, or from its label when name is empty.
func ByAttribute(name string) func(datasets.Example) string {
	if name == "" {
		return func(e datasets.Example) string { return e.Label }
	}
	return func(e datasets.Example) string { return e.Attributes[name] }
}

// Names are the ways a title or caption may write a class of a catalogue: as it is ("Tshirts"), in the singular
// ("Tshirt"), with the hyphen that people write ("T-shirt").
func Names(class string) []string {
	names := []string{class}
	if s := singular(class); s != class {
		names = append(names, s)
		if strings.HasPrefix(s, "Tshirt") {
			names = append(names, "T-shirt")
		}
	}
	return names
}

func singular(class string) string {
	switch {
	case strings.HasSuffix(class, "tches"), strings.HasSuffix(class, "shes"), strings.HasSuffix(class, "sses"):
		return strings.TrimSuffix(class, "es")
	case strings.HasSuffix(class, "ss"), !strings.HasSuffix(class, "s"):
		return class
	}
	return strings.TrimSuffix(class, "s")
}

// ProductTemplates are prompts in the manner of product titles, written for this project.
func ProductTemplates() []string {
	return []string{"{}", "Men {}", "Women {}", "Black {}", "Women Blue {}", "Men's White {}", "Brown {}"}
}
