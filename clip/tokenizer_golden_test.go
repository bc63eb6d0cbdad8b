package clip

import (
	"cmp"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/glimpse-ml/glimpse/internal/safetensors"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

var publishedOnce = sync.OnceValues(func() (*Tokenizer, error) { return LoadTokenizer(publishedPath) })

var publishedPath string

func published(t testing.TB) *Tokenizer {
	t.Helper()
	publishedPath = testdata.Golden(t, "clip/tokenizer/bpe_simple_vocab_16e6.txt.gz")
	tok, err := publishedOnce()
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func readGolden(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(testdata.Golden(t, "clip/tokenizer/"+name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

type goldenString struct {
	Text       string  `json:"text"`
	IDs        []int32 `json:"ids"`
	Truncated  bool    `json:"truncated"`
	FullLength int     `json:"full_length"`
	Context    int     `json:"context"` // 77 when absent
	Decoded    string  `json:"decoded"`
	Group      string  `json:"group"`
	Effect     string  `json:"ftfy_effect"`
}

// The golden strings were encoded by openai/CLIP's simple_tokenizer.py with ftfy 6.3.1. Every one is equal: the ones
// that need no ftfy or its normal form C alone, which the issue asks for, and those that need its other repairs.
func TestGoldenStrings(t *testing.T) {
	tok := published(t)
	var rows []goldenString
	readGolden(t, "strings.json", &rows)
	compared := map[string]int{}
	for _, row := range rows {
		compared[row.Effect]++
		context := cmp.Or(row.Context, 77)
		ids, truncated, err := tok.Encode(row.Text, context, true)
		if err != nil || truncated != row.Truncated || !slices.Equal(ids, row.IDs) {
			t.Errorf("%s (%s) %+q: got %v, %v, %v; want %v, %v", row.Group, row.Effect, row.Text, ids, truncated, err, row.IDs, row.Truncated)
		}
		whole, _, err := tok.Encode(row.Text, max(context, row.FullLength), false)
		if err != nil || len(whole) != row.FullLength {
			t.Errorf("%+q: %d ids without cutting (%v), want %d", row.Text, len(whole), err, row.FullLength)
		}
		if got := tok.Decode(whole); got != row.Decoded {
			t.Errorf("%+q decodes to %q, want %q", row.Text, got, row.Decoded)
		}
		if _, _, err := tok.Encode(row.Text, context, false); (err != nil) != row.Truncated {
			t.Errorf("%+q without truncation: error %v", row.Text, err)
		}
	}
	if compared["none"] < 300 || compared["nfc_is_enough"] < 4 || compared["full"] < 24 {
		t.Errorf("expected at least the 341 rows of the golden README, compared %v", compared)
	}
}

func TestGoldenErrorsAndPadding(t *testing.T) {
	tok := published(t)
	var long []goldenString
	readGolden(t, "must_error_without_truncate.json", &long)
	for _, row := range long {
		_, _, err := tok.Encode(row.Text, row.Context, false)
		if err == nil || !strings.Contains(err.Error(), "shorten it or allow truncation") {
			t.Errorf("%+q in a context of %d: error %v, want one", row.Text, row.Context, err)
		}
		if _, err := tok.EncodeWhole([]string{"short", row.Text}, row.Context); err == nil {
			t.Errorf("%+q is encoded whole in a context of %d", row.Text, row.Context)
		}
	}
	var texts []string
	readGolden(t, "padded_texts.json", &texts)
	file, err := safetensors.Load(testdata.Golden(t, "clip/tokenizer/padded.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := file.Tensors["ids"].Int32s()
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.EncodeBatch(texts, 77); !slices.Equal(got, want) {
		t.Errorf("the padded ids of %d texts differ", len(texts))
	}
	if len(long) == 0 || len(texts) == 0 {
		t.Error("nothing was compared")
	}
}
