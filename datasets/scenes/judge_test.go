package scenes

import (
	"image"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// handmade is a scene of four objects known by heart, in a picture of 64 pixels:
//
//	large plain red circle      small striped red circle
//	small dotted blue square    large plain green star, one pixel further right than the circle above it
func handmade() Scene {
	at := func(x, y, r int) image.Rectangle { return image.Rect(x-r, y-r, x+r, y+r) }
	return Scene{Side: 64, cfg: Config{}.withDefaults(), Objects: []Object{
		{Shape: Circle, Colour: Red, Size: Large, Texture: Plain, Full: at(14, 14, 10)},
		{Shape: Circle, Colour: Red, Size: Small, Texture: Striped, Full: at(46, 12, 6)},
		{Shape: Square, Colour: Blue, Size: Small, Texture: Dotted, Full: at(16, 50, 6)},
		{Shape: Star, Colour: Green, Size: Large, Texture: Plain, Full: at(47, 48, 11)},
	}}
}

func TestTrueByHand(t *testing.T) {
	for caption, want := range map[string]bool{
		"a red circle":                          true,
		"an red circle":                         true,
		"A Red Circle.":                         true,
		"a blue circle":                         false,
		"a small red circle":                    true,
		"a small plain red circle":              false,
		"a large plain red circle":              true,
		"a dotted shape":                        true,
		"there is a green star":                 true,
		"there are a green star":                true,
		"a picture of a small star":             false,
		"one red circle":                        false, // there are two
		"two red circles":                       true,
		"two circles":                           true,
		"three circles":                         false,
		"two large shapes":                      true,
		"four shapes":                           true,
		"three shapes":                          false, // exactly three, and there are four
		"two large shapes and a circle":         true,
		"two large shapes and a large circle":   false, // both large objects are used up
		"a red circle and a red circle":         true,
		"a red circle, a red circle, a circle":  false, // three circles
		"a red circle , a star and a square .":  true,
		"a red circle, a star, and a square":    true,
		"a star and a cross":                    false,
		"a circle left of a star":               true,
		"a small circle left of a star":         false, // by one pixel only
		"a small circle above a star":           true,
		"a star below a small circle":           true,
		"a star above a small circle":           false,
		"a red circle left of a red circle":     true,
		"a red circle is left of a red circle":  true,
		"a small circle left of a large circle": false,
		"a star is to the right of a square":    true,
		"two red circles above a blue square":   true,
		"two red circles left of a green star":  false, // one of them is not
		"a blue square left of two circles":     false,
		"two red circles are above a shape":     true,
		"a shape below two red circles":         true,
		"one star right of one square":          true,
	} {
		if got, err := handmade().True(caption); err != nil || got != want {
			t.Errorf("True(%q) = %v, %v; want %v", caption, got, err, want)
		}
	}
}

func TestTrueErrors(t *testing.T) {
	for caption, named := range map[string]string{
		"":                                       "found the end",
		"a":                                      "word 2 but found the end",
		"dog":                                    `word 1 but found "dog"`,
		"a red":                                  "word 3",
		"a red dog":                              `found "dog"`,
		"a red circles":                          `found "circles"`,
		"two red circle":                         `found "circle"`,
		"zero circles":                           `found "zero"`,
		"a red small circle":                     "order size, texture, colour",
		"a circle on a square":                   `found "on"`,
		"a circle left a square":                 `found "left"`,
		"a circle is a square":                   `expected "left of"`,
		"there is a circle is above a square":    `found "is"`,
		"a circle above a square and a star":     `found "and"`,
		"a circle,":                              "found the end",
		"a circle and":                           "found the end",
		"a circle\nand\x00":                      "outside the grammar",
		"a circle" + strings.Repeat(" dog", 500): `dog...`,
	} {
		_, err := handmade().True(caption)
		if err == nil {
			t.Errorf("True(%q) has no error", caption)
			continue
		}
		if !strings.Contains(err.Error(), named) || strings.ContainsAny(err.Error(), "\n\x00") || len(err.Error()) > 600 {
			t.Errorf("True(%q): the error %q should be one line that says %q", caption, err, named)
		}
	}
}

var (
	openings  = regexp.MustCompile(`^(there is|there are|a picture of) `)
	relations = regexp.MustCompile(`^(.*?)(?: is| are)?(?: to the)? (left of|right of|above|below) (.*)$`)
	between   = regexp.MustCompile(`, and |, | and `)
)

// judge is a second reading of captions, written apart from parse and holds and another way round: regular
// expressions take the caption apart, and every order of the objects is tried.
func judge(s Scene, caption string) bool {
	caption = openings.ReplaceAllString(caption, "")
	place, names := "", between.Split(caption, -1)
	if parts := relations.FindStringSubmatch(caption); parts != nil {
		place, names = parts[2], []string{parts[1], parts[3]}
	}
	var wanted [][]string // the words to find in one object each
	var side []int        // which name each of them came from
	for n, name := range names {
		words := strings.Fields(name)
		number := slices.Index([]string{"", "one", "two", "three", "four"}, words[0])
		if number > 0 {
			fitting := 0
			for _, o := range s.Objects {
				if wordsFit(words[1:], o) {
					fitting++
				}
			}
			if fitting != number {
				return false
			}
		}
		for range max(number, 1) {
			wanted, side = append(wanted, words[1:]), append(side, n)
		}
	}
	for _, order := range orders(len(s.Objects)) {
		if len(wanted) <= len(order) && orderFits(s, wanted, side, order, place) {
			return true
		}
	}
	return false
}

func wordsFit(words []string, o Object) bool {
	about := []string{string(o.Shape), string(o.Shape) + "s", string(o.Shape) + "es", "shape", "shapes",
		string(o.Colour), string(o.Size), string(o.Texture)}
	for _, w := range words {
		if !slices.Contains(about, w) {
			return false
		}
	}
	return true
}

func orderFits(s Scene, wanted [][]string, side, order []int, place string) bool {
	for i, words := range wanted {
		if !wordsFit(words, s.Objects[order[i]]) {
			return false
		}
		for j := range wanted {
			if place == "" || side[i] != 0 || side[j] != 1 {
				continue
			}
			a, b := s.Objects[order[i]].Full, s.Objects[order[j]].Full
			right := float64(a.Min.X+a.Max.X-b.Min.X-b.Max.X) / 2
			down := float64(a.Min.Y+a.Max.Y-b.Min.Y-b.Max.Y) / 2
			further := map[string]float64{"left of": -right, "right of": right, "above": -down, "below": down}[place]
			if further < float64(s.Side)/8 {
				return false
			}
		}
	}
	return true
}

// orders lists all permutations of 0..n-1.
func orders(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var all [][]int
	for _, o := range orders(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(o), at, n-1))
		}
	}
	return all
}

// Every caption is true; with one word replaced it is true only where the second reading says so as well.
func TestCaptionsAndSwappedWords(t *testing.T) {
	swaps := [][]string{
		{"red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink"},
		{"circle", "square", "triangle", "star", "cross", "ring", "shape"},
		{"circles", "squares", "triangles", "stars", "crosses", "rings", "shapes"},
		{"small", "large"}, {"plain", "striped", "dotted"}, {"left", "right"}, {"above", "below"},
		{"two", "three", "four"}, {"a", "one"},
	}
	s := must(t, Config{Split: Unseen, Count: 150, Occlusion: true, Seed: 3})
	kept, broken := 0, 0
	for i := range s.Len() {
		scene := s.Scene(i)
		for _, caption := range scene.Captions() {
			if got, err := scene.True(caption); err != nil || !got || !judge(scene, caption) {
				t.Fatalf("scene %d: %q is %v, %v; by the second reading %v", i, caption, got, err, judge(scene, caption))
			}
			words := strings.Fields(strings.ReplaceAll(caption, ",", " ,"))
			for at, word := range words {
				bare := slices.IndexFunc(swaps, func(list []string) bool { return slices.Contains(list, word) })
				if bare < 0 || word == "a" && at == 0 && strings.HasPrefix(caption, "a picture") {
					continue
				}
				for _, other := range swaps[bare] {
					if other == word {
						continue
					}
					changed := slices.Clone(words)
					changed[at] = other
					text := strings.ReplaceAll(strings.Join(changed, " "), " ,", ",")
					got, err := scene.True(text)
					if err != nil || got != judge(scene, text) {
						t.Fatalf("scene %d: True(%q) = %v, %v; by the second reading %v", i, text, got, err, judge(scene, text))
					}
					if got {
						kept++
					} else {
						broken++
					}
				}
			}
		}
	}
	t.Logf("%d changed captions are still true, %d are false", kept, broken)
	if broken < 2*kept {
		t.Errorf("only %d of %d changed captions are false: the test shows little", broken, kept+broken)
	}
}

// A wrong colour, shape or place in a caption about one object or two makes it false if the scene has nothing else.
func TestWrongWordIsFalse(t *testing.T) {
	s := must(t, Config{Count: 200, MinObjects: 2, MaxObjects: 2, Phrasing: SayRelations, Seed: 5})
	opposite := strings.NewReplacer("left", "right", "right", "left", "above", "below", "below", "above")
	for i := range s.Len() {
		scene := s.Scene(i)
		a, b := scene.Objects[0], scene.Objects[1]
		for _, caption := range scene.Captions() {
			if got, err := scene.True(opposite.Replace(caption)); err != nil {
				t.Fatal(err)
			} else if got && (a.Colour != b.Colour || a.Shape != b.Shape) {
				t.Errorf("scene %d: %q with the place turned round is still true", i, caption)
			}
			for _, c := range Colours() {
				if c == a.Colour || c == b.Colour {
					continue
				}
				for _, o := range scene.Objects {
					if got, err := scene.True(strings.Replace(caption, string(o.Colour), string(c), 1)); err != nil || got {
						t.Errorf("scene %d: %q with %s for %s is %v, %v", i, caption, c, o.Colour, got, err)
					}
				}
			}
			for _, sh := range Shapes() {
				if sh == a.Shape || sh == b.Shape {
					continue
				}
				for _, o := range scene.Objects {
					if got, err := scene.True(strings.Replace(caption, string(o.Shape), string(sh), 1)); err != nil || got {
						t.Errorf("scene %d: %q with %s for %s is %v, %v", i, caption, sh, o.Shape, got, err)
					}
				}
			}
		}
	}
}

// No text makes the parser panic; what it understands means the same when it is written out again.
func FuzzTrue(f *testing.F) {
	for _, caption := range append(handmadeCaptions(), "", "a", "a picture of", "two", "there is one", "a a", ",,,") {
		f.Add(caption)
	}
	scene := handmade()
	f.Fuzz(func(t *testing.T, caption string) {
		got, err := scene.True(caption)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error for %q has several lines: %q", caption, err)
			}
			return
		}
		st, err := parse(caption)
		if err != nil {
			t.Fatal(err)
		}
		again, err := scene.True(st.String())
		if err != nil || again != got {
			t.Errorf("%q is %v, but written as %q it is %v, %v", caption, got, st, again, err)
		}
	})
}

func handmadeCaptions() []string {
	s, _ := New(Config{Count: 10, Seed: 9})
	var list []string
	for i := range s.Len() {
		list = append(list, s.Scene(i).Captions()...)
	}
	return list
}
