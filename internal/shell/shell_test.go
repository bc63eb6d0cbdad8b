package shell

import (
	"os/exec"
	"testing"
)

// A shell says what was quoted as it was.
func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"runs/longer-1.5": "runs/longer-1.5", "über": "über", "a=b:c,d@10%+": "a=b:c,d@10%+",
		"": "''", "my runs/first": "'my runs/first'", "it's": `'it'\''s'`, "$HOME": "'$HOME'", "~": "'~'", "*": "'*'", "a;b": "'a;b'",
		"`id`": "'`id`'", "a\nb": "'a\nb'", `\`: `'\'`, "#": "'#'", "a\u00a0b": "'a\u00a0b'",
	} {
		got := Quote(text)
		if got != want {
			t.Errorf("expected %s, found %s", want, got)
		}
		said, err := exec.Command("sh", "-c", "printf %s "+got).Output()
		if err != nil || string(said) != text {
			t.Errorf("%s: the shell says %q (%v), expected %q", got, said, err, text)
		}
	}
}
