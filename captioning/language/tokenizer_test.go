package language

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/glimpse-ml/glimpse/internal/bpe"
)

// made is a small vocabulary in GPT-2's order: the printable bytes, the others, what merges make, the name of the token between texts. Ġ stands for a space.
func made(t testing.TB) (vocabulary map[string]int32, merges [][2]string) {
	t.Helper()
	vocabulary = map[string]int32{}
	for _, wanted := range []bool{true, false} {
		for b, symbol := range bpe.Symbol {
			if bpe.Printable(b) == wanted {
				vocabulary[symbol] = int32(len(vocabulary))
			}
		}
	}
	for _, line := range []string{"Ġ t", "h e", "Ġt he", "r e", "Ġ re", "Ġre d", "Ã ©", "l o", "lo w", "e r"} {
		left, right, _ := strings.Cut(line, " ")
		merges = append(merges, [2]string{left, right})
		vocabulary[left+right] = int32(len(vocabulary))
	}
	vocabulary[endOfText] = int32(len(vocabulary))
	return vocabulary, merges
}

func smallTokenizer(t testing.TB) *Tokenizer {
	t.Helper()
	tok, err := NewTokenizer(made(t))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// Texts are cut as the reference's pattern cuts them: testdata/pieces.py.
func TestPieces(t *testing.T) {
	data, err := os.ReadFile("testdata/pieces.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Text   string
		Pieces []string
	}
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	if len(all) < 300 {
		t.Fatalf("found only %d texts", len(all))
	}
	for _, c := range all {
		if got := slices.Collect(pieces(c.Text)); !slices.Equal(got, c.Pieces) {
			t.Errorf("%+q: expected %+q, found %+q", c.Text, c.Pieces, got)
		}
	}
}

// Ids that were worked out by hand: printable bytes are 0 to 187 ("!" first), the others 188 to 255, of which a space is 220 and a line feed 198; merges follow from 256.
func TestEncode(t *testing.T) {
	tok := smallTokenizer(t)
	for text, want := range map[string][]int32{
		"":          nil,
		"!":         {0},
		"the":       {83, 257},             // "t" and "he": "Ġt he" needs its space
		" the":      {258},                 // Ġt he
		" the red":  {258, 261},            // and Ġre d
		"red":       {259, 67},             // re d
		"lower":     {264, 265},            // lo w, e r
		"here":      {257, 259},            // he is learned before re and er
		"her":       {257, 81},             // he r
		"\n":        {198},                 //
		"  the":     {220, 258},            // the first space stands alone
		"é":         {262},                 // its two bytes, C3 and A9
		"è":         {127, 101},            // C3 and A8: Latin-1's characters of these bytes are printable
		"\xff":      {187},                 // no UTF-8
		"the's red": {83, 257, 6, 82, 261}, // the contraction is a piece of its own
	} {
		got := tok.Encode(text)
		if !slices.Equal(got, want) {
			t.Errorf("%q: expected %v, found %v", text, want, got)
		}
		if back, err := tok.Decode(got); err != nil || back != text {
			t.Errorf("%q: came back as %q, %v", text, back, err)
		}
	}
	if end, ok := tok.EndOfText(); !ok || end != 266 || tok.VocabSize() != 267 {
		t.Errorf("found the end of a text %d, %t and %d ids", end, ok, tok.VocabSize())
	}
	if back, err := tok.Decode([]int32{266, 258, 266}); err != nil || back != endOfText+" the"+endOfText {
		t.Errorf("found %q, %v", back, err)
	}
	if ids := tok.Encode(endOfText); slices.Contains(ids, 266) {
		t.Errorf("a text became the token between texts: %v", ids)
	}
	for _, id := range []int32{-1, 267} {
		if _, err := tok.Decode([]int32{0, id}); err == nil || !strings.Contains(err.Error(), "expected ids from 0 to 266") {
			t.Errorf("id %d: found %v", id, err)
		}
	}
}

// A vocabulary on disk is read as it was made, with a header and without, with either end of line.
func TestReadTokenizer(t *testing.T) {
	vocabulary, merges := made(t)
	want := smallTokenizer(t).Encode("lower the red, the lower re é")
	for _, header := range []string{"#version: 0.2\n", "", "#version: 0.2\r\n"} {
		lines := header
		for _, m := range merges {
			lines += m[0] + " " + m[1] + strings.Repeat("\r", strings.Count(header, "\r")) + "\n"
		}
		tok, err := ReadTokenizer(folder(t, vocabulary, lines))
		if err != nil {
			t.Fatal(err)
		}
		if got := tok.Encode("lower the red, the lower re é"); !slices.Equal(got, want) {
			t.Errorf("%q: expected %v, found %v", header, want, got)
		}
	}
	without := maps.Clone(vocabulary)
	delete(without, endOfText)
	if tok, err := ReadTokenizer(folder(t, without, "")); err != nil {
		if !strings.Contains(err.Error(), "bytes or made") {
			t.Error(err)
		}
	} else if _, ok := tok.EndOfText(); ok {
		t.Error("expected no token between texts")
	}
}

func folder(t *testing.T, vocabulary any, merges string) string {
	t.Helper()
	data, ok := vocabulary.([]byte)
	if !ok {
		var err error
		if data, err = json.Marshal(vocabulary); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{vocabularyFile: data, mergesFile: []byte(merges)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTokenizerRefuses(t *testing.T) {
	vocabulary, merges := made(t)
	changed := func(change func(v map[string]int32)) map[string]int32 {
		v := maps.Clone(vocabulary)
		change(v)
		return v
	}
	for want, c := range map[string]struct {
		vocabulary map[string]int32
		merges     [][2]string
	}{
		"each for one symbol, found 0":     {changed(func(v map[string]int32) { v["red"] = 0 }), merges},
		"each for one symbol, found -3":    {changed(func(v map[string]int32) { v["!"] = -3 }), merges},
		"a symbol for every byte":          {changed(func(v map[string]int32) { v["zz"] = v["a"]; delete(v, "a") }), merges},
		"made by earlier merges":           {vocabulary, slices.Insert(slices.Clone(merges), 0, [2]string{"lo", "w"})},
		`merge 10, ["b" "b"]: expected an`: {vocabulary, append(slices.Clone(merges), [2]string{"b", "b"})},
		"is merge 1 again":                 {vocabulary, append(slices.Clone(merges), [2]string{"h", "e"})},
		`found "<|endoftext|>"`:            {vocabulary, append(slices.Clone(merges), [2]string{endOfText, "e"})},
	} {
		if _, err := NewTokenizer(c.vocabulary, c.merges); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
	for want, dir := range map[string]string{
		"cannot read":                    t.TempDir(),
		"vocab.json: expected symbols":   folder(t, []byte(`["a"]`), ""),
		"line 2: expected two symbols":   folder(t, vocabulary, "#version: 0.2\nh e l"),
		"line 1: expected two symbols":   folder(t, vocabulary, "he\n"),
		"expected a symbol for every":    folder(t, map[string]int32{"a": 0}, "h e\n"),
		"json: cannot unmarshal number ": folder(t, []byte(`{"a": 1e99}`), ""),
	} {
		if _, err := ReadTokenizer(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("expected %q, found %v", want, err)
		}
	}
}

// Whatever bytes a text holds, they come back from its ids, and the pieces that it is cut into are all of it.
func FuzzTokenizer(f *testing.F) {
	for _, text := range []string{"the red lower", " 's're'LL  \n\t x", "\xff\xfe\xc3", "日本語 😀\u00a0 ½", strings.Repeat("re", 50)} {
		f.Add(text)
	}
	tok := smallTokenizer(f)
	f.Fuzz(func(t *testing.T, text string) {
		if all := strings.Join(slices.Collect(pieces(text)), ""); all != text {
			t.Fatalf("%+q was cut into %+q", text, all)
		}
		ids := tok.Encode(text)
		back, err := tok.Decode(ids)
		if err != nil || back != text {
			t.Fatalf("%+q came back as %+q, %v", text, back, err)
		}
		if len(ids) > len(text) || utf8.ValidString(text) && slices.ContainsFunc(ids, func(id int32) bool { return tok.special[id] }) {
			t.Fatalf("%+q became %v", text, ids)
		}
	})
}

// A vocabulary's files may hold anything: a sentence says what is wrong, or the tokenizer works.
func FuzzVocabulary(f *testing.F) {
	vocabulary, _ := made(f)
	data, err := json.Marshal(vocabulary)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data, []byte("#version: 0.2\nh e\nr e\n"))
	f.Add([]byte(`{"a":0}`), []byte("a a"))
	f.Fuzz(func(t *testing.T, vocab, lines []byte) {
		var vocabulary map[string]int32
		if json.Unmarshal(vocab, &vocabulary) != nil {
			return
		}
		merges, err := parseMerges(lines)
		if err != nil {
			return
		}
		tok, err := NewTokenizer(vocabulary, merges)
		if err != nil {
			return
		}
		text := fmt.Sprintf("here %s", lines)
		if back, err := tok.Decode(tok.Encode(text)); err != nil || back != text {
			t.Fatalf("%+q came back as %+q, %v", text, back, err)
		}
	})
}
