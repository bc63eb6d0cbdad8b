package clip

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// A vocabulary on disk has one of five forms, told apart by content: what [Tokenizer.Save] writes; OpenAI's
// bpe_simple_vocab_16e6.txt.gz; and Hugging Face's merges.txt, vocab.json with merges.txt beside it, and tokenizer.json.

const (
	tokenizerKind = "clip-bpe"

	// publishedLines is how many merges bpe_simple_vocab_16e6.txt.gz has, publishedMerges how many of them CLIP uses: 49152
	// ids of GPT-2's tokenizer less 256 bytes and 2 tokens.
	publishedLines  = 262_144
	publishedMerges = 49152 - 256 - 2

	mostVocabularyBytes = 64 << 20 // unpacked; the published ones have 3 MB
)

// vocabularyFiles are the names under which a vocabulary lies in a folder, the first one there is read.
var vocabularyFiles = []string{"bpe_simple_vocab_16e6.txt.gz", "vocab.json", "merges.txt", TokenizerFile}

// tokenizerFile is every JSON form of a vocabulary at once.
type tokenizerFile struct {
	Kind   string      `json:"kind,omitempty"` // ours
	Merges [][2]string `json:"merges,omitempty"`
	Model  *struct {   // Hugging Face's tokenizer.json
		Type   string           `json:"type"`
		Suffix string           `json:"end_of_word_suffix"`
		Vocab  map[string]int32 `json:"vocab"`
		Merges []hfMerge        `json:"merges"`
	} `json:"model,omitempty"`
}

// hfMerge is "LEFT RIGHT" or ["LEFT", "RIGHT"]: Hugging Face has written both.
type hfMerge [2]string

func (m *hfMerge) UnmarshalJSON(data []byte) error {
	var line string
	if json.Unmarshal(data, &line) == nil {
		parts := strings.Fields(line)
		if len(parts) != 2 {
			return fmt.Errorf("expected a merge of two symbols, found %q", line)
		}
		*m = hfMerge(parts)
		return nil
	}
	return json.Unmarshal(data, (*[2]string)(m))
}

// Save writes the tokenizer as JSON.
func (t *Tokenizer) Save(path string) error {
	data, err := t.Encoded()
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(path, data)
}

// Encoded is the content of a file that [Tokenizer.Save] writes.
func (t *Tokenizer) Encoded() ([]byte, error) {
	data, err := json.MarshalIndent(struct {
		Kind   string      `json:"kind"`
		Merges [][2]string `json:"merges"`
	}{tokenizerKind, t.merges}, "", " ")
	return append(data, '\n'), err
}

// huggingFace are the files of Hugging Face's CLIPTokenizer: merges.txt, and vocab.json with the ids of all symbols. Where merges
// make a symbol twice there is no vocab.json, which could not hold both of its ids.
func (t *Tokenizer) huggingFace() (map[string][]byte, error) {
	merges := []byte("#version: 0.2\n")
	for _, m := range t.merges {
		merges = fmt.Appendf(merges, "%s %s\n", m[0], m[1])
	}
	files := map[string][]byte{"merges.txt": merges}
	if len(t.ids) < len(t.symbols) {
		return files, nil
	}
	ids := maps.Clone(t.ids)
	ids[startName], ids[endName] = t.StartToken(), t.EndToken()
	data, err := json.Marshal(ids)
	files["vocab.json"] = append(data, '\n')
	return files, err
}

// LoadTokenizer reads a vocabulary in any of the forms above: a file, or a folder with one under its usual name.
func LoadTokenizer(path string) (*Tokenizer, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		file, err := vocabularyIn(path)
		if err != nil {
			return nil, err
		}
		path = file
	}
	data, err := readVocabulary(path)
	if err != nil {
		return nil, err
	}
	t, err := parseVocabulary(data, func() ([]byte, error) {
		return readVocabulary(filepath.Join(filepath.Dir(path), "merges.txt"))
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// vocabularyIn is the path of the vocabulary in a folder.
func vocabularyIn(dir string) (string, error) {
	for _, name := range vocabularyFiles {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	return "", fmt.Errorf("expected a vocabulary in the folder %s (%s), found none: %w", dir, strings.Join(vocabularyFiles, ", "), errNoVocabularyThere)
}

// readVocabulary reads a file, and unpacks it when it is gzip-compressed.
func readVocabulary(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the vocabulary: %w", err)
	}
	defer f.Close()
	data, err := readAtMost(f)
	if err == nil && bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		data, err = gunzip(data)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the vocabulary %s: %w", path, err)
	}
	return data, nil
}

func gunzip(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("expected gzip-compressed text, found something else: %w", err)
	}
	text, err := readAtMost(r)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) {
		err = fmt.Errorf("the compressed text is cut off or damaged: %w", err)
	}
	return text, err
}

func readAtMost(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, mostVocabularyBytes+1))
	if err == nil && len(data) > mostVocabularyBytes {
		err = fmt.Errorf("expected a vocabulary of at most %d bytes, found more", mostVocabularyBytes)
	}
	return data, err
}

// parseVocabulary tells the form of a vocabulary and reads it. merges reads the file merges.txt beside it.
func parseVocabulary(data []byte, merges func() ([]byte, error)) (*Tokenizer, error) {
	if !bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n\ufeff"), []byte("{")) {
		return fromMerges(data)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	var file tokenizerFile
	err := json.Unmarshal(data, &file)
	if err != nil || file.Kind == "" && file.Model == nil {
		var vocab map[string]int32
		if vocabErr := json.Unmarshal(data, &vocab); vocabErr == nil && len(vocab) > 0 {
			return withMerges(vocab, merges)
		}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("expected a vocabulary as JSON, found something else: %w", err)
	case file.Kind == tokenizerKind:
		return NewTokenizer(file.Merges)
	case file.Model == nil:
		return nil, fmt.Errorf("expected a vocabulary of kind %q, found the kind %q", tokenizerKind, file.Kind)
	case file.Model.Type != "" && file.Model.Type != "BPE" || file.Model.Suffix != endOfWord:
		return nil, fmt.Errorf("expected CLIP's byte-pair encoding (type BPE, end_of_word_suffix %q), found type %q and suffix %q",
			endOfWord, file.Model.Type, file.Model.Suffix)
	}
	list := make([][2]string, len(file.Model.Merges))
	for i, m := range file.Model.Merges {
		list[i] = m
	}
	return checkedTokenizer(list, file.Model.Vocab)
}

// fromMerges makes the tokenizer of a list of merges without ids. Other byte-pair encodings lie in the same form.
func fromMerges(data []byte) (*Tokenizer, error) {
	list, err := parseMerges(data)
	if err != nil {
		return nil, err
	}
	if len(list) > publishedMerges {
		return nil, fmt.Errorf("expected CLIP's merges, at most %d lines (or OpenAI's file of %d), found %d: the vocabulary of another model",
			publishedMerges, publishedLines, len(list))
	}
	t, err := NewTokenizer(list)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(list, func(m [2]string) bool { return strings.HasSuffix(m[1], endOfWord) }) {
		return nil, fmt.Errorf("expected merges of which some end a word with %s, as CLIP's do, found none: the vocabulary of another model", endOfWord)
	}
	return t, nil
}

// withMerges makes the tokenizer of a vocab.json, whose ids say nothing of the order of merges.
func withMerges(vocab map[string]int32, merges func() ([]byte, error)) (*Tokenizer, error) {
	data, err := merges()
	if err != nil {
		return nil, fmt.Errorf("expected merges.txt beside it, which has the order of merges: %w", err)
	}
	list, err := parseMerges(data)
	if err != nil {
		return nil, fmt.Errorf("merges.txt beside it: %w", err)
	}
	return checkedTokenizer(list, vocab)
}

// checkedTokenizer makes sure that the vocabulary numbers its symbols as CLIP does.
func checkedTokenizer(merges [][2]string, vocab map[string]int32) (*Tokenizer, error) {
	t, err := NewTokenizer(merges)
	if err != nil {
		return nil, err
	}
	if len(vocab) != t.VocabSize() {
		return nil, fmt.Errorf("expected %d ids for %d merges (514 more), found %d", t.VocabSize(), len(merges), len(vocab))
	}
	for symbol, id := range vocab {
		want, ok := t.ids[symbol]
		switch symbol {
		case startName:
			want, ok = t.StartToken(), true
		case endName:
			want, ok = t.EndToken(), true
		}
		if !ok || want != id {
			return nil, fmt.Errorf("expected symbols numbered as CLIP does (bytes, bytes at the end of a word, merges, start, end), found %q with the id %d", symbol, id)
		}
	}
	return t, nil
}

// parseMerges reads a line per merge, two symbols with a space between them, after a header that may be missing. Of OpenAI's
// published file, and of no other, it takes the first merges only, which are those that CLIP uses.
func parseMerges(data []byte) ([][2]string, error) {
	var list [][2]string
	number := 0
	for line := range bytes.Lines(data) {
		number++
		parts := bytes.Fields(line)
		switch {
		case number == 1 && bytes.Contains(line, []byte("#version")), len(parts) == 0:
			continue
		case len(parts) != 2:
			return nil, fmt.Errorf("line %d: expected two symbols with a space between them, found %s", number, named(string(bytes.TrimSpace(line))))
		}
		list = append(list, [2]string{string(parts[0]), string(parts[1])})
	}
	switch len(list) {
	case 0:
		return nil, fmt.Errorf("expected merges, two symbols a line, found none")
	case publishedLines:
		list = list[:publishedMerges]
	}
	return list, nil
}
