// Package shell writes words for POSIX shells: in scripts, and in commands that a sentence tells somebody to type.
package shell

import (
	"strings"
	"unicode"
)

// Quote is a word that a shell takes for text: itself where it means itself, else in single quotes.
func Quote(text string) string {
	if text != "" && !strings.ContainsFunc(text, special) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// special says whether a letter may mean something else to a shell than itself.
func special(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+=:,@%", r)
}
