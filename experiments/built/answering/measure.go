package answering

import (
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/clip/answering"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Report is what a run found out.
type Report struct {
	Kept    string   `json:"kept"` // the network that is the run's model
	Results []Result `json:"results"`
	Shown   []Shown  `json:"shown"` // of that network: the first scenes of the splits
}

// Result is how often a network answers right.
type Result struct {
	Network string       `json:"network"`
	Split   scenes.Split `json:"split"` // test: pairs of colour and shape that training had; unseen: every scene has at least one that it never had
	Group   string       `json:"group"` // of the questions
	Right   stats.Mean   `json:"right"` // share of the questions; the interval is a bootstrap over scenes, N of them
}

// Shown is a scene with the questions about it and what was answered.
type Shown struct {
	Split scenes.Split `json:"split"`
	Scene int          `json:"scene"` // its number among the scenes that are tested with
	Asked []Asked      `json:"asked"`
}

// Asked is a question with the likeliest answer.
type Asked struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
	Truth    string `json:"truth"`
}

// Groups of questions: all, those of the four kinds, those of the attribute that is asked for, and those that are about a pair of colour and shape
// that training never had.
const (
	everything = "all"
	novel      = "a pair never seen"
)

func groups() []string {
	return []string{everything, "attribute", "colour", "shape", "size", "texture", "count", "existence", "relation", novel}
}

// groupsOf are those that a question belongs to.
func groupsOf(q scenes.Question) []string {
	list := []string{everything, string(q.Kind)}
	words := answering.WordsOf(q.Text)
	if q.Kind == scenes.AskAttribute {
		attribute := words[1] // what colour is ..., what size is ..., what texture is ..., what is ...
		if attribute == "is" {
			attribute = "shape"
		}
		list = append(list, attribute)
		if attribute == "colour" {
			words = append(words, q.Answer, words[len(words)-1])
		} else if attribute == "shape" {
			words = append(slices.DeleteFunc(words, func(w string) bool { return w == "shape" }), q.Answer)
		}
	}
	if namesHeldOut(words) {
		list = append(list, novel)
	}
	return list
}

// namesHeldOut says whether a colour is followed by a shape, or its plural, in which training never had it.
func namesHeldOut(words []string) bool {
	for i := range len(words) - 1 {
		for _, shape := range scenes.Shapes() {
			if strings.HasPrefix(words[i+1], string(shape)) && scenes.HeldOut(scenes.Colour(words[i]), shape) {
				return true
			}
		}
	}
	return false
}

// testSeed is that of the scenes that are tested with, the same in every run.
const testSeed = 7_000_011

// test is a split's scenes.
type test struct {
	split  scenes.Split
	scenes []scenes.Scene
	asked  [][]scenes.Question
}

func (c Config) testScenes(split scenes.Split) (*scenes.Scenes, error) {
	return c.scenes(split, testSeed, max(c.Tests, shownScenes))
}

func readTests(cfg Config) (tests []test, err error) {
	for _, split := range []scenes.Split{scenes.Test, scenes.Unseen} {
		set, err := cfg.testScenes(split)
		if err != nil {
			return nil, err
		}
		t := test{split: split}
		for i := range cfg.Tests {
			scene := set.Scene(i)
			t.scenes, t.asked = append(t.scenes, scene), append(t.asked, scene.Questions())
		}
		tests = append(tests, t)
	}
	return tests, nil
}

// measure adds what a network answers.
func (r *Report) measure(env *experiments.Env, m *answering.Model, name string, tests []test) error {
	for _, t := range tests {
		answers, err := t.answer(env, m)
		if err != nil {
			return err
		}
		for _, group := range groups() {
			if right := t.right(answers, group); right.N > 0 {
				r.Results = append(r.Results, Result{name, t.split, group, right})
			}
		}
		if name == gridTuned {
			r.show(t, answers)
		}
	}
	return nil
}

// answer is the likeliest answer to every question.
func (t test) answer(env *experiments.Env, m *answering.Model) (answers [][]string, err error) {
	var pixels [][]float32
	var questions [][]string
	for i, scene := range t.scenes {
		p, err := m.Preprocess(scene.Image())
		if err != nil {
			return nil, err
		}
		var texts []string
		for _, q := range t.asked[i] {
			texts = append(texts, q.Text)
		}
		pixels, questions = append(pixels, p), append(questions, texts)
	}
	logits, err := m.Logits(env.Backend.Backend, pixels, questions)
	if err != nil {
		return nil, err
	}
	for _, scene := range logits {
		var list []string
		for _, row := range scene {
			list = append(list, m.Config.Answers[slices.Index(row, slices.Max(row))])
		}
		answers = append(answers, list)
	}
	return answers, nil
}

// right is the share of a group's questions that are answered right, with a bootstrap over the scenes: questions about one scene go together.
func (t test) right(answers [][]string, group string) stats.Mean {
	var asked, right []float64 // by scene
	for i, list := range t.asked {
		a, r := 0.0, 0.0
		for k, q := range list {
			if !slices.Contains(groupsOf(q), group) {
				continue
			}
			if a++; answers[i][k] == q.Answer {
				r++
			}
		}
		if a > 0 {
			asked, right = append(asked, a), append(right, r)
		}
	}
	if len(asked) == 0 {
		return stats.Mean{}
	}
	return stats.Bootstrap(len(asked), func(pick []int) float64 {
		a, r := 0.0, 0.0
		for _, i := range pick {
			a, r = a+asked[i], r+right[i]
		}
		return r / a
	})
}

// shownScenes is of how many scenes of a split the answers are shown.
const shownScenes = 6

// show keeps every question about the first scenes, whatever was answered.
func (r *Report) show(t test, answers [][]string) {
	for i := range min(shownScenes, len(t.scenes)) {
		s := Shown{Split: t.split, Scene: i}
		for k, q := range t.asked[i] {
			s.Asked = append(s.Asked, Asked{q.Text, answers[i][k], q.Answer})
		}
		r.Shown = append(r.Shown, s)
	}
}
