package scenes

import (
	"math/rand/v2"
	"strings"
)

// Kind is what a question is about.
type Kind string

// The four kinds of question.
const (
	AskAttribute Kind = "attribute" // "what colour is the circle?"
	AskCount     Kind = "count"     // "how many red shapes are there?"
	AskExistence Kind = "existence" // "is there a green star?"
	AskRelation  Kind = "relation"  // "is the red circle left of the blue square?"
)

// Question is a question about a scene with its only right answer.
type Question struct {
	Kind   Kind
	Text   string
	Answer string // one of Answers()
}

// Answers lists every answer that a question may have, in a fixed order: the classes of a model that answers.
func Answers() []string {
	answers := append([]string{"yes", "no"}, numbers[:]...)
	for _, p := range palette {
		answers = append(answers, string(p.name))
	}
	for _, s := range shapes {
		answers = append(answers, string(s))
	}
	for _, s := range sizes {
		answers = append(answers, string(s))
	}
	for _, t := range textures {
		answers = append(answers, string(t))
	}
	return answers
}

// Questions lists questions about the scene, the same at every call. "the circle" is only said where there is
// exactly one. Yes and no come equally often; in the splits Train and Test no question names a held-out pair,
// since "no" would always be right.
func (s Scene) Questions() []Question { return s.Ask(rand.New(s.cfg.stream(s.Index, forQuestions))) }

// Ask draws questions about the scene, others for another r; what [Scene.Questions] says of them is so here.
func (s Scene) Ask(r *rand.Rand) []Question {
	list := s.askAttributes(r)
	list = append(list, s.askCount(r))
	list = append(list, s.askExistence(r)...)
	return append(list, s.askRelation(r)...)
}

// askAttributes asks for colour, shape, size and texture, each of an object that the rest of its attributes tell
// from all others.
func (s Scene) askAttributes(r *rand.Rand) []Question {
	var list []Question
	ask := func(o Object, start, answer string, hide func(*phrase)) {
		if name, ok := s.the(r, o, hide); ok {
			list = append(list, Question{AskAttribute, start + " is " + name + "?", answer})
		}
	}
	pick := func() Object { return s.Objects[r.IntN(len(s.Objects))] }
	o := pick()
	ask(o, "what colour", string(o.Colour), func(p *phrase) { p.colour = "" })
	o = pick()
	ask(o, "what", string(o.Shape), func(p *phrase) { p.shape = "" })
	o = pick()
	ask(o, "what size", string(o.Size), func(p *phrase) { p.size = "" })
	o = pick()
	ask(o, "what texture", string(o.Texture), func(p *phrase) { p.texture = "" })
	return list
}

// the names one object so that no other fits, without the attribute that hide takes out: "the red circle", with
// as few attributes as will do.
func (s Scene) the(r *rand.Rand, o Object, hide func(*phrase)) (name string, ok bool) {
	whole := phrase{size: o.Size, texture: o.Texture, colour: o.Colour, shape: o.Shape}
	options := []phrase{
		{shape: whole.shape},
		{shape: whole.shape, colour: whole.colour},
		{shape: whole.shape, size: whole.size},
		{shape: whole.shape, size: whole.size, colour: whole.colour},
		{shape: whole.shape, texture: whole.texture},
		{shape: whole.shape, texture: whole.texture, colour: whole.colour},
		whole,
	}
	if r.IntN(2) == 0 { // as often as not, say the colour even where the shape would do
		options[0], options[1] = options[1], options[0]
	}
	for _, p := range options {
		hide(&p)
		if s.count(p) == 1 {
			return "the " + p.bare(), true
		}
	}
	return "", false
}

// askCount draws a number among those that some question about the scene has for an answer, then the question:
// otherwise nearly all answers would be "zero".
func (s Scene) askCount(r *rand.Rand) Question {
	var options [MostObjects + 1][]phrase
	add := func(p phrase) {
		n := s.count(p)
		options[n] = append(options[n], p)
	}
	add(phrase{})
	for _, c := range palette {
		add(phrase{colour: c.name})
	}
	for _, shape := range shapes {
		add(phrase{shape: shape})
	}
	for _, p := range s.speakable() {
		add(phrase{colour: p.colour, shape: p.shape})
	}
	n := r.IntN(len(options))
	for len(options[n]) == 0 {
		n = r.IntN(len(options))
	}
	p := options[n][r.IntN(len(options[n]))]
	p.count = 2 // for the plural
	return Question{AskCount, "how many " + p.bare() + " are there?", numbers[n]}
}

// speakable lists the pairs that questions of the split may name.
func (s Scene) speakable() []pair {
	if s.cfg.Split == Unseen {
		return append(seenPairs[:len(seenPairs):len(seenPairs)], unseenPairs...)
	}
	return seenPairs
}

// askExistence asks one question for "yes" and one for "no". Where it can, the second one joins the colour of one
// object and the shape of another: a model that sees colours and shapes but not which go together answers "yes".
func (s Scene) askExistence(r *rand.Rand) []Question {
	o := s.Objects[r.IntN(len(s.Objects))]
	yes := phrase{colour: o.Colour, shape: o.Shape}
	var absent, joined []phrase
	for _, pair := range s.speakable() {
		p := phrase{colour: pair.colour, shape: pair.shape}
		if s.count(p) > 0 {
			continue
		}
		absent = append(absent, p)
		if s.count(phrase{colour: p.colour}) > 0 && s.count(phrase{shape: p.shape}) > 0 {
			joined = append(joined, p)
		}
	}
	if len(joined) > 0 {
		absent = joined
	}
	no := absent[r.IntN(len(absent))]
	return []Question{
		{AskExistence, "is there " + yes.String() + "?", "yes"},
		{AskExistence, "is there " + no.String() + "?", "no"},
	}
}

// askRelation asks one question for "yes" and, of the same two objects, one for "no" that turns the place round.
func (s Scene) askRelation(r *rand.Rand) []Question {
	relations := s.Relations()
	if len(relations) == 0 {
		return nil
	}
	rel := relations[r.IntN(len(relations))]
	nothing := func(*phrase) {}
	a, okA := s.the(r, s.Objects[rel.A], nothing)
	b, okB := s.the(r, s.Objects[rel.B], nothing)
	if !okA || !okB {
		return nil
	}
	turned := map[Place]Place{LeftOf: RightOf, RightOf: LeftOf, Above: Below, Below: Above}[rel.Place]
	ask := func(place Place) string { return strings.Join([]string{"is", a, string(place), b}, " ") + "?" }
	return []Question{{AskRelation, ask(rel.Place), "yes"}, {AskRelation, ask(turned), "no"}}
}
