package captioning

import "fmt"

// words tells which words may be said: nil for all.
type words []bool

// allowed leaves the forbidden words out of a vocabulary.
func allowed(vocab int, forbidden []int32) (words, error) {
	if len(forbidden) == 0 {
		return nil, nil
	}
	may := make(words, vocab)
	for i := range may {
		may[i] = true
	}
	left := vocab
	for _, word := range forbidden {
		if word < 0 || int(word) >= vocab {
			return nil, fmt.Errorf("expected forbidden words from 0 to %d, found %d", vocab-1, word)
		}
		if may[word] {
			may[word] = false
			left--
		}
	}
	if left == 0 {
		return nil, fmt.Errorf("expected a word that may be said, found all %d forbidden", vocab)
	}
	return may, nil
}

func (w words) say(word int32) bool { return w == nil || w[word] }
