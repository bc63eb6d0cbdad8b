package clip

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/glimpse-ml/glimpse/datasets"
)

// VocabularyData is the name of the published vocabulary among the data sets.
const VocabularyData = "clip-vocab"

// PublishedTokenizerHash is the [Tokenizer.Hash] of the vocabulary of all published models.
const PublishedTokenizerHash = "d308b7377a8ceaa9707a21614fe8c831b9196e197b7aeb69833359362907af02"

// PublishedTokenizer is the tokenizer of the published models: 49,408 ids, of which 49406 starts a text and 49407 ends
// it. It is read from the model's folder dir when that has a vocabulary, else (and with "") from where data sets lie, as
// data set clip-vocab; there it must be the published one to the last merge.
func PublishedTokenizer(dir string) (*Tokenizer, error) {
	if dir != "" {
		path, err := vocabularyIn(dir)
		if err == nil {
			return publishedSize(path)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	found, err := datasets.Find(VocabularyData)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errVocabularyMissing, err)
	}
	path, err := vocabularyIn(found)
	if err != nil {
		return nil, err
	}
	t, err := publishedSize(path)
	if err != nil {
		return nil, err
	}
	if got := t.Hash(); got != PublishedTokenizerHash {
		return nil, fmt.Errorf("%s: expected CLIP's published vocabulary (merges of sha256 %s), found another (%s); `glimpse data verify %s` says more",
			path, PublishedTokenizerHash, got, VocabularyData)
	}
	return t, nil
}

// errNoVocabularyThere is wrapped by the error about a folder without a vocabulary.
var errNoVocabularyThere = fmt.Errorf("no vocabulary: %w", fs.ErrNotExist)

// errVocabularyMissing is wrapped by the error of [PublishedTokenizer] when there is no vocabulary anywhere.
var errVocabularyMissing = errors.New("cannot find CLIP's vocabulary")

// addVocabulary gives a published model of the folder dir its vocabulary when there is one; it can be used without.
func (m *Model) addVocabulary(dir string) error {
	if m.Tokenizer != nil {
		return nil
	}
	if m.Config.Text.VocabSize != 514+publishedMerges {
		m.addOwnVocabulary(dir)
		return nil
	}
	t, err := PublishedTokenizer(dir)
	if errors.Is(err, errVocabularyMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := m.Config.Text.checkVocabulary(t); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if preset, ok := m.Config.published(); ok && t.Hash() != PublishedTokenizerHash {
		return fmt.Errorf("expected CLIP's published vocabulary (merges of sha256 %s) for the published %s, found another in %s (%s); "+
			"`glimpse data get %s` brings the published one", PublishedTokenizerHash, preset.Name, dir, t.Hash(), VocabularyData)
	}
	m.Tokenizer = t
	return nil
}

// addOwnVocabulary gives a model that was not trained with the published vocabulary the one beside it. One that is not CLIP's
// kind, or not this model's, says so once a text is to be encoded: the model takes ids without it.
func (m *Model) addOwnVocabulary(dir string) {
	t, err := LoadTokenizer(dir)
	if err == nil {
		if err = m.Config.Text.checkVocabulary(t); err == nil {
			m.Tokenizer = t
			return
		}
	}
	if !errors.Is(err, errNoVocabularyThere) {
		m.vocabulary = err
	}
}

func publishedSize(path string) (*Tokenizer, error) {
	t, err := LoadTokenizer(path)
	if err != nil {
		return nil, err
	}
	if t.VocabSize() != 514+publishedMerges {
		return nil, fmt.Errorf("%s: expected the published vocabulary of %d ids, found one of %d", path, 514+publishedMerges, t.VocabSize())
	}
	return t, nil
}
