package retrieval

import (
	"slices"
	"testing"
)

// training are captions in which to run is written with -ing, and so is to play; to build is a building.
var training = []string{"A dog running", "a dog runs on grass", "boys playing", "a building", "the building", "a boat in water", "children play with a ball"}

func read(t *testing.T, caption string) (all []string) {
	t.Helper()
	for _, w := range newReader(training).read(caption) {
		all = append(all, string(w.kind)+"="+w.text)
	}
	return all
}

func TestRead(t *testing.T) {
	for caption, want := range map[string][]string{
		"Two guys , in red shirts , are running near a building .": {"number=two", "people, animals=man", "colour=red", "thing, place=shirts", "action=running", "thing, place=building"},
		"A man and a MAN play":        {"people, animals=man", "action=play"},
		"a group of children playing": {"number=many", "people, animals=child", "action=playing"},
		"it is there":                 nil,
	} {
		if got := read(t, caption); !slices.Equal(got, want) {
			t.Errorf("%s: expected %q, found %q", caption, want, got)
		}
	}
}

// No word has two kinds, and none of the listed ones is skipped as a function word.
func TestLexicon(t *testing.T) {
	r, n := newReader(nil), 0
	for _, list := range [][]listed{numbers, colours, beings} {
		for _, l := range list {
			n += len(split(l.synonyms))
		}
	}
	if len(r.closed) != n {
		t.Errorf("expected %d different words, found %d", n, len(r.closed))
	}
	for w := range r.closed {
		if r.function[w] {
			t.Errorf("%s is a function word, too", w)
		}
	}
}

// What is missing, by hand: a child may be a boy, a person anyone, many three; a boy is no girl, two are not three.
func TestJudge(t *testing.T) {
	r := newReader(training)
	for _, c := range []struct {
		caption          string
		others           []string
		missing, instead []string
		half             bool
	}{
		{"two boys play", []string{"a child playing", "two kids with a ball"}, nil, nil, true},
		{"a boy runs", []string{"a person is running"}, nil, nil, true},
		{"many dogs", []string{"three dogs"}, nil, nil, true},
		{"two boys running on grass", []string{"three girls playing on the grass", "three girls", "a girl"}, []string{"boy", "running", "two"}, []string{"girl", "three"}, false},
		{"a black dog in water", []string{"a brown dog in the waters", "a dog"}, []string{"black"}, []string{"brown"}, true},
		{"a tan dog", []string{"a brown dog"}, nil, nil, true},
		{"a boat", []string{"a red ball"}, []string{"boat"}, []string{"red"}, false},
	} {
		var others [][]word
		for _, o := range c.others {
			others = append(others, r.read(o))
		}
		v := judge(r.read(c.caption), others)
		if !slices.Equal(texts(v.missing), c.missing) || !slices.Equal(texts(v.instead), c.instead) || (2*len(v.missing) <= v.words) != c.half {
			t.Errorf("%s: expected %q missing and %q instead, found %q and %q of %d words", c.caption, c.missing, c.instead, texts(v.missing), texts(v.instead), v.words)
		}
	}
	v := verdict{words: 4, missing: []word{{kind: Colour}}}
	if !v.has(Colour) || v.has(Number) || v.covered() != 0.75 || (verdict{}).covered() != 1 {
		t.Errorf("found %v, %g", v.has(Number), v.covered())
	}
}
