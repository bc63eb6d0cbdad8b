package metrics

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/testdata"
)

func readJSON(t testing.TB, name string, out any) {
	t.Helper()
	data, err := os.ReadFile(testdata.Golden(t, "captioning/metrics/"+name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatal(err)
	}
}

// Every raw caption of the golden files with its tokens from the Stanford tokenizer in coco-caption.
func TestTokenizeGolden(t *testing.T) {
	var pairs []struct{ Raw, Tokens string }
	readJSON(t, "ptb_interesting_pairs.json", &pairs)
	var pictures []struct {
		Candidate, Candidate_raw   string
		References, References_raw []string
	}
	readJSON(t, "captions.json", &pictures)
	for _, p := range pictures {
		pairs = append(pairs, struct{ Raw, Tokens string }{p.Candidate_raw, p.Candidate})
		for i, raw := range p.References_raw {
			pairs = append(pairs, struct{ Raw, Tokens string }{raw, p.References[i]})
		}
	}
	matched := 0
	for _, p := range pairs {
		if got := Tokenize(p.Raw); got != p.Tokens {
			t.Errorf("%q: expected %q, found %q", p.Raw, p.Tokens, got)
			continue
		}
		matched++
	}
	t.Logf("%d of %d pairs", matched, len(pairs))
	if len(pairs) < 1200 {
		t.Errorf("only %d pairs were looked at", len(pairs))
	}
}
