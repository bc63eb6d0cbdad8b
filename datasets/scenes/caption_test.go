package scenes

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// must makes a data set or ends the test.
func must(t testing.TB, cfg Config) *Scenes {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCaptionsOfEveryPhrasing(t *testing.T) {
	marks := map[Phrasing][]string{ // words that only this phrasing brings
		SayRelations: {" left of ", " right of ", " above ", " below "},
		SayCounts:    {"two ", "three ", "four "},
		SayOpenings:  {"there ", "picture "},
	}
	words := Words()
	for _, phrasing := range []Phrasing{SayOne, SayLists, SayRelations, SayCounts, SayOpenings, SayOne | SayOpenings, AllPhrasings} {
		s := must(t, Config{Count: 300, Phrasing: phrasing, Occlusion: true, Seed: 11})
		found := map[Phrasing]int{}
		for i := range s.Len() {
			scene := s.Scene(i)
			captions := scene.Captions()
			if len(captions) == 0 || len(captions) > 5 {
				t.Fatalf("scene %d has %d captions", i, len(captions))
			}
			for k, caption := range captions {
				if slices.Contains(captions[:k], caption) {
					t.Errorf("scene %d says %q twice", i, caption)
				}
				if ok, err := scene.True(caption); !ok || err != nil {
					t.Errorf("scene %d: %q is %v, %v", i, caption, ok, err)
				}
				if st, err := parse(caption); err != nil || st.String() != caption {
					t.Errorf("scene %d: %q is read as %q, %v", i, caption, st, err)
				}
				for _, w := range strings.Fields(strings.ReplaceAll(caption, ",", " , ")) {
					if _, known := slices.BinarySearch(words, w); !known {
						t.Errorf("scene %d: %q of %q is not among Words()", i, w, caption)
					}
				}
				for p, list := range marks {
					if slices.ContainsFunc(list, func(m string) bool { return strings.Contains(caption, m) }) {
						found[p]++
					}
				}
			}
		}
		for p := range marks {
			allowed := phrasing&p != 0 || p == SayCounts && phrasing&SayLists != 0 // lists merge equal phrases
			if (found[p] > 0) != allowed {
				t.Errorf("with Phrasing %#x there are %d captions with words of %#x", phrasing, found[p], p)
			}
		}
	}
}

// The first caption names every object with its size, and with its texture where it has one.
func TestFirstCaptionIsFull(t *testing.T) {
	s := must(t, Config{Count: 300, Phrasing: SayLists | SayRelations | SayOne, Seed: 12})
	for i := range s.Len() {
		scene := s.Scene(i)
		caption := scene.Captions()[0]
		st, err := parse(caption)
		if err != nil {
			t.Fatal(err)
		}
		named := 0
		for _, p := range st.groups {
			named += max(p.count, 1)
			if p.size == "" {
				t.Errorf("scene %d: %q does not say every size", i, caption)
			}
		}
		if named != len(scene.Objects) {
			t.Errorf("scene %d: %q names %d of %d objects", i, caption, named, len(scene.Objects))
		}
		for _, o := range scene.Objects {
			if o.Texture != Plain && !strings.Contains(caption, string(o.Texture)) {
				t.Errorf("scene %d: %q does not say %q", i, caption, o.Texture)
			}
		}
	}
}

func TestCaptionVaries(t *testing.T) {
	scene := must(t, Config{MinObjects: 3, MaxObjects: 3}).Scene(0)
	r := rand.New(rand.NewPCG(1, 2))
	different := map[string]bool{}
	for range 200 {
		caption := scene.Caption(r)
		if ok, err := scene.True(caption); !ok || err != nil {
			t.Fatalf("%q is %v, %v", caption, ok, err)
		}
		different[caption] = true
	}
	if len(different) < 50 {
		t.Errorf("200 captions of one scene have only %d wordings", len(different))
	}
	again := rand.New(rand.NewPCG(1, 2))
	if a, b := scene.Caption(again), scene.Caption(rand.New(rand.NewPCG(1, 2))); a != b {
		t.Errorf("one seed gives %q and %q", a, b)
	}
}

// "two red circles" may only be said of two out of two.
func TestListCountsExactly(t *testing.T) {
	scene := handmade()
	scene.Objects[2] = scene.Objects[1]
	scene.Objects[2].Full = scene.Objects[2].Full.Add(handmade().Objects[2].Full.Min.Sub(scene.Objects[1].Full.Min))
	r := rand.New(rand.NewPCG(1, 1))
	merged := 0
	for range 300 {
		caption := scene.list(r, false).String()
		if ok, err := scene.True(caption); !ok || err != nil {
			t.Fatalf("%q is %v, %v", caption, ok, err)
		}
		if strings.HasPrefix(caption, "two ") || strings.Contains(caption, "three ") {
			merged++
		}
	}
	if merged == 0 {
		t.Error("equal objects never became a number")
	}
}

func TestVocabulary(t *testing.T) {
	if n := len(Shapes()); n != 6 {
		t.Errorf("%d shapes", n)
	}
	if n := len(Colours()); n != 8 {
		t.Errorf("%d colours", n)
	}
	classes := Classes()
	if len(classes) != 48 || classes[0] != "red circle" || len(slices.Compact(slices.Sorted(slices.Values(classes)))) != 48 {
		t.Errorf("Classes() = %q", classes)
	}
	if words := Words(); !slices.IsSorted(words) || len(slices.Compact(slices.Clone(words))) != len(words) {
		t.Errorf("Words() = %q should be sorted and without repetition", words)
	}
	Shapes()[0], Colours()[0] = "egg", "mauve"
	if Shapes()[0] != Circle || Colours()[0] != Red {
		t.Error("a caller can change the lists")
	}
	for word := range strings.FieldsSeq(fmt.Sprint(Shapes(), Colours())) {
		if !slices.Contains(Words(), strings.Trim(word, "[]")) {
			t.Errorf("Words() lacks %q", word)
		}
	}
}
