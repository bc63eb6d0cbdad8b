package scenes

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestNamedByHand(t *testing.T) {
	for caption, want := range map[string][]Named{
		"a small red circle":                {{Noun: 3, Adjectives: []int{1, 2}, Count: 1, Objects: []int{1}}},
		"There is a red circle.":            {{Noun: 4, Adjectives: []int{3}, Count: 1, Objects: []int{0, 1}}},
		"two red circles":                   {{Noun: 2, Adjectives: []int{1}, Count: 2, Objects: []int{0, 1}}},
		"a red circle left of a red circle": {{2, []int{1}, 1, []int{0}}, {7, []int{6}, 1, []int{1}}},
		"a large shape and a green shape":   {{2, []int{1}, 1, []int{0}}, {6, []int{5}, 1, []int{3}}}, // the star is taken
		"a circle, a star":                  {{1, nil, 1, []int{0, 1}}, {4, nil, 1, []int{3}}},
		"a star above a circle":             {{1, nil, 1, []int{3}}, {4, nil, 1, []int{0, 1}}}, // false
		"a pink circle":                     {{2, []int{1}, 1, nil}},                           // there is none
	} {
		got, err := handmade().Named(caption)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, want, func(a, b Named) bool {
			return a.Noun == b.Noun && a.Count == b.Count && slices.Equal(a.Adjectives, b.Adjectives) && slices.Equal(a.Objects, b.Objects)
		}) {
			t.Errorf("%q names %+v; want %+v", caption, got, want)
		}
	}
	if _, err := handmade().Named("a dog"); err == nil {
		t.Error("a dog was found")
	}
}

// What a true caption names fits it, and the words that are said to be nouns and adjectives are.
func TestNamedOfCaptions(t *testing.T) {
	s := must(t, Config{Count: 300, Occlusion: true, Seed: 5})
	nouns := []string{"shape", "shapes"}
	for _, shape := range shapes {
		nouns = append(nouns, string(shape), plural(shape))
	}
	r := rand.New(rand.NewPCG(1, 1))
	for i := range s.Len() {
		scene := s.Scene(i)
		caption := scene.Caption(r)
		named, err := scene.Named(caption)
		if err != nil || len(named) == 0 {
			t.Fatal(caption, named, err)
		}
		words := WordsOf(caption)
		st, _ := parse(caption)
		for k, n := range named {
			if !slices.Contains(nouns, words[n.Noun]) {
				t.Errorf("%q: word %d is no noun", caption, n.Noun)
			}
			for _, a := range n.Adjectives {
				if slices.Contains(nouns, words[a]) || !slices.Contains(Words(), words[a]) || words[a] == "a" {
					t.Errorf("%q: word %d is no adjective", caption, a)
				}
			}
			if len(n.Objects) < n.Count {
				t.Errorf("%q: %+v of %d objects", caption, n, n.Count)
			}
			for _, o := range n.Objects {
				if !st.groups[k].fits(scene.Objects[o]) {
					t.Errorf("%q: object %d does not fit part %d", caption, o, k)
				}
			}
		}
	}
}

func TestMistake(t *testing.T) {
	for caption, want := range map[string]Mistake{
		"a red circle":                    NoMistake,
		"a star above a small circle":     WrongPlace,
		"three red circles":               WrongNumber,
		"a blue circle":                   WrongPair, // there are blue shapes and circles
		"a pink star":                     WrongColour,
		"a green ring":                    WrongShape,
		"a large blue square":             WrongSize,
		"a plain blue square":             WrongTexture,
		"a pink ring":                     WrongMoreThings,
		"a red circle and a pink ring":    WrongMoreThings,
		"a pink star left of a pink ring": WrongMoreThings,
		"a red":                           NotParsed,
	} {
		if got := handmade().Mistake(caption); got != want {
			t.Errorf("%q: got the mistake %q, want %q", caption, got, want)
		}
		if ok, _ := handmade().True(caption); ok != (want == NoMistake) {
			t.Errorf("%q is %v", caption, ok)
		}
		if want != NoMistake && !slices.Contains(Mistakes(), want) {
			t.Errorf("%q is not listed", want)
		}
	}
}
