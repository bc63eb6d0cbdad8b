package datasets

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The sentences that several layouts share.

func unknownSplit(name, split string, known ...string) error {
	return fmt.Errorf("%s has no split %q: expected one of %s", name, split, strings.Join(known, ", "))
}

// nothingLeft is the error of a data set in which no example is whole; the first problem is its likely cause.
func nothingLeft(name, dir string, problems []Problem) error {
	cause := "no pictures were found"
	if len(problems) > 0 {
		cause = fmt.Sprintf("%d problems were found, the first: %s", len(problems), problems[0])
	}
	return fmt.Errorf("%s: expected examples in %s, found none that is whole; %s", name, dir, cause)
}

func shorten(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
