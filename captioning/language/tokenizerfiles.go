package language

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The files of a vocabulary as Hugging Face keeps it, and how large each may be: GPT-2's have 1.0 and 0.5 MB.
const (
	vocabularyFile      = "vocab.json"
	mergesFile          = "merges.txt"
	mostVocabularyBytes = 64 << 20
)

// ReadTokenizer reads the vocabulary of a GPT-2 as Hugging Face keeps it: vocab.json, symbols with their ids, and merges.txt, a line for each merge
// behind a header that may be missing, in the folder dir.
func ReadTokenizer(dir string) (*Tokenizer, error) {
	path := filepath.Join(dir, vocabularyFile)
	data, err := readAtMost(path)
	if err != nil {
		return nil, err
	}
	var vocabulary map[string]int32
	if err := json.Unmarshal(data, &vocabulary); err != nil {
		return nil, fmt.Errorf("%s: expected symbols with their ids as JSON: %w", path, err)
	}
	if data, err = readAtMost(filepath.Join(dir, mergesFile)); err != nil {
		return nil, err
	}
	merges, err := parseMerges(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, mergesFile), err)
	}
	t, err := NewTokenizer(vocabulary, merges)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return t, nil
}

func readAtMost(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the language model's vocabulary: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostVocabularyBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the language model's vocabulary: %w", err)
	}
	if len(data) > mostVocabularyBytes {
		return nil, fmt.Errorf("%s: expected a vocabulary of at most %d bytes, found more", path, mostVocabularyBytes)
	}
	return data, nil
}

// parseMerges reads two symbols a line, with one space between them. A first line that begins with #version is a header.
func parseMerges(data []byte) (merges [][2]string, err error) {
	for i, line := range bytes.Split(data, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 || i == 0 && bytes.HasPrefix(line, []byte("#version")) {
			continue
		}
		left, right, ok := bytes.Cut(line, []byte(" "))
		if !ok || len(left) == 0 || len(right) == 0 || bytes.Contains(right, []byte(" ")) {
			return nil, fmt.Errorf("line %d: expected two symbols with a space between them, found %q", i+1, line[:min(len(line), 80)])
		}
		merges = append(merges, [2]string{string(left), string(right)})
	}
	return merges, nil
}
