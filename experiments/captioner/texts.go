package captioner

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/glimpse-ml/glimpse/captioning"
	"github.com/glimpse-ml/glimpse/captioning/metrics"
	"github.com/glimpse-ml/glimpse/datasets"
)

// textReader encodes people's captions and keeps account of those that the decoder cannot read as they are.
type textReader struct {
	vocabulary *captioning.Vocabulary
	maxLen     int // most words that may follow the start word

	broken, wordless, unknown, cut account
}

// account counts captions, and the pictures that they belong to.
type account struct {
	captions int
	pictures []string // ids, each once
}

func (a *account) add(id string) {
	a.captions++
	if n := len(a.pictures); n == 0 || a.pictures[n-1] != id {
		a.pictures = append(a.pictures, id)
	}
}

// read returns the captions of a picture that are texts, which captions can be scored against, and encoded those that the
// decoder can learn from. A caption without a word says nothing, and one of unknown words alone would teach the decoder to
// say <unk>.
func (r *textReader) read(example datasets.Example) (captions []string, texts [][]int32) {
	for _, caption := range example.Captions {
		words := captioning.Tokenize(caption)
		isUnknown := func(word string) bool { return r.vocabulary.ID(word) == captioning.Unknown }
		switch {
		case !isText(caption):
			r.broken.add(example.ID)
			continue
		case len(words) == 0:
			r.wordless.add(example.ID)
			continue
		}
		captions = append(captions, caption)
		if !slices.ContainsFunc(words, func(word string) bool { return !isUnknown(word) }) {
			r.unknown.add(example.ID)
			continue
		}
		ids, truncated := r.vocabulary.Encode(words, r.maxLen)
		if truncated {
			r.cut.add(example.ID)
		}
		texts = append(texts, ids)
	}
	return captions, texts
}

// isText says whether a caption is UTF-8 throughout. Cut where it is not, its words would become other words; JSON's decoder puts
// U+FFFD in such places.
func isText(caption string) bool {
	return utf8.ValidString(caption) && !strings.ContainsRune(caption, utf8.RuneError)
}

// Picture is a caption beside those captions of people that it is scored against: those that are texts with words in them.
func Picture(example datasets.Example, caption string) metrics.Picture {
	var references []string
	for _, c := range example.Captions {
		if isText(c) && len(captioning.Tokenize(c)) > 0 {
			references = append(references, c)
		}
	}
	return metrics.Tokenized(ImageID(example), caption, references)
}

// ImageID is the name of a picture in files of captions: COCO's number where the data set has one, else its ID.
func ImageID(example datasets.Example) metrics.ID {
	if n, err := strconv.ParseInt(example.Attributes[datasets.ImageID], 10, 64); err == nil {
		return metrics.NumberID(n)
	}
	return metrics.TextID(example.ID)
}

// remarks are a sentence for every kind of caption that was not read as it is, with the data set's name.
func (r *textReader) remarks(name string) (out []string) {
	for _, found := range []struct {
		account account
		what    string
	}{
		{r.broken, "left out, because they hold bytes that are no UTF-8 text"},
		{r.wordless, "left out, because they hold no word"},
		{r.unknown, "not learned from or foretold, because they hold none of the vocabulary's words"},
		{r.cut, fmt.Sprintf("read up to their word %d alone, because they are longer (model.max_len counts their end too)", r.maxLen)},
	} {
		if a := found.account; a.captions > 0 {
			out = append(out, fmt.Sprintf("%s: %d captions of %d pictures were %s: %s", name, a.captions, len(a.pictures), found.what, firstOf(a.pictures)))
		}
	}
	return out
}

// namedPictures is how many pictures a sentence names.
const namedPictures = 5

// firstOf names the first of many pictures.
func firstOf(ids []string) string {
	if len(ids) <= namedPictures {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:namedPictures], ", "), len(ids)-namedPictures)
}
