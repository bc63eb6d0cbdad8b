package scenes

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	askedWhat    = regexp.MustCompile(`^what (colour |size |texture |)is the (.*)\?$`)
	askedHowMany = regexp.MustCompile(`^how many (.*) are there\?$`)
	askedIsThere = regexp.MustCompile(`^is there an? (.*)\?$`)
	askedIsThe   = regexp.MustCompile(`^is the (.*) (left of|right of|above|below) the (.*)\?$`)
)

// answer works a question out by itself, with regular expressions and wordsFit; it fails where "the" is said of
// anything but one object.
func answer(t *testing.T, s Scene, question string) string {
	t.Helper()
	fitting := func(words string) []Object {
		var list []Object
		for _, o := range s.Objects {
			if wordsFit(strings.Fields(words), o) {
				list = append(list, o)
			}
		}
		return list
	}
	the := func(words string) Object {
		list := fitting(words)
		if len(list) != 1 {
			t.Fatalf("scene %d: %q says \"the %s\", of which there are %d", s.Index, question, words, len(list))
		}
		return list[0]
	}
	if m := askedWhat.FindStringSubmatch(question); m != nil {
		o := the(m[2])
		return map[string]string{"colour ": string(o.Colour), "size ": string(o.Size),
			"texture ": string(o.Texture), "": string(o.Shape)}[m[1]]
	}
	if m := askedHowMany.FindStringSubmatch(question); m != nil {
		return []string{"zero", "one", "two", "three", "four"}[len(fitting(m[1]))]
	}
	if m := askedIsThere.FindStringSubmatch(question); m != nil {
		if len(fitting(m[1])) > 0 {
			return "yes"
		}
		return "no"
	}
	m := askedIsThe.FindStringSubmatch(question)
	if m == nil {
		t.Fatalf("scene %d asks %q, which no pattern fits", s.Index, question)
	}
	the(m[1])
	the(m[3])
	if judge(s, "a "+m[1]+" "+m[2]+" a "+m[3]) {
		return "yes"
	}
	return "no"
}

func TestQuestions(t *testing.T) {
	all := Answers()
	heldOutNames := heldOutPattern()
	for _, split := range []Split{Train, Unseen} {
		s := must(t, Config{Split: split, Count: 3000, Occlusion: true, Seed: 21})
		answers := map[Kind]map[string]int{}
		totals := map[Kind]int{}
		heldOut := 0
		for i := range s.Len() {
			scene := s.Scene(i)
			questions := scene.Questions()
			if !slices.Equal(questions, scene.Questions()) {
				t.Fatalf("scene %d asks other questions the second time", i)
			}
			for _, q := range questions {
				if want := answer(t, scene, q.Text); q.Answer != want {
					t.Errorf("scene %d: %q is answered %q, should be %q", i, q.Text, q.Answer, want)
				}
				if !slices.Contains(all, q.Answer) {
					t.Errorf("Answers() lacks %q", q.Answer)
				}
				if answers[q.Kind] == nil {
					answers[q.Kind] = map[string]int{}
				}
				answers[q.Kind][q.Answer]++
				totals[q.Kind]++
				if heldOutNames.MatchString(q.Text) {
					heldOut++
				}
			}
		}
		if (heldOut > 0) != (split == Unseen) {
			t.Errorf("%s: %d questions name a held-out pair", split, heldOut)
		}
		t.Log(split, totals, answers)
		checkBalance(t, split, answers, totals)
	}
}

// heldOutPattern matches the names of the held-out pairs, in the singular and the plural.
func heldOutPattern() *regexp.Regexp {
	var names []string
	for _, c := range Colours() {
		for _, sh := range Shapes() {
			if HeldOut(c, sh) {
				names = append(names, Class(c, sh), string(c)+" "+plural(sh))
			}
		}
	}
	return regexp.MustCompile(strings.Join(names, "|"))
}

// checkBalance: yes as often as no; no number, colour, shape or texture much more often than its share.
func checkBalance(t *testing.T, split Split, answers map[Kind]map[string]int, totals map[Kind]int) {
	t.Helper()
	for _, kind := range []Kind{AskExistence, AskRelation} {
		if a := answers[kind]; a["yes"] != a["no"] || a["yes"] == 0 {
			t.Errorf("%s: %s has %d yes and %d no", split, kind, a["yes"], a["no"])
		}
	}
	for n, count := range answers[AskCount] {
		if 100*count > 45*totals[AskCount] {
			t.Errorf("%s: %d of %d counts are %s", split, count, totals[AskCount], n)
		}
	}
	attribute := answers[AskAttribute]
	check := func(names []string) {
		sum, least, most := 0, 1<<30, 0
		for _, n := range names {
			sum, least, most = sum+attribute[n], min(least, attribute[n]), max(most, attribute[n])
		}
		if most > 2*least || sum == 0 {
			t.Errorf("%s: answers %q lie between %d and %d", split, names, least, most)
		}
	}
	var groups [4][]string
	for _, c := range Colours() {
		groups[0] = append(groups[0], string(c))
	}
	for _, sh := range Shapes() {
		groups[1] = append(groups[1], string(sh))
	}
	groups[2], groups[3] = []string{"small", "large"}, []string{"plain", "striped", "dotted"}
	for _, g := range groups {
		check(g)
	}
}
