package retrieval

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Direction is what is found in one direction.
type Direction struct {
	Right     stats.Mean `json:"right_confidence"` // mean confidence of the right answers, and of the wrong ones
	Wrong     stats.Mean `json:"wrong_confidence"`
	Tenths    []Tenth    `json:"tenths"` // of the answers, by rising confidence
	Mistakes  Said       `json:"mistakes"`
	Confident Said       `json:"confident"` // the most confident of them
	Hubs      Hubs       `json:"hubs"`
	Swaps     []Swap     `json:"swaps"`    // the commonest first
	Examples  []Example  `json:"examples"` // the most confident first
}

// Tenth is a tenth of the answers, of about equal confidence.
type Tenth struct {
	Confidence float64          `json:"confidence"` // mean
	Right      stats.Proportion `json:"right"`
}

// Said is what captions say of photographs that those photographs' own captions do not.
type Said struct {
	N       int                       `json:"n"` // captions
	Kinds   map[Kind]stats.Proportion `json:"kinds"`
	Most    stats.Proportion          `json:"most"`    // at least half of the content words are in the photograph's captions
	All     stats.Proportion          `json:"all"`     // every one of them is
	Covered stats.Mean                `json:"covered"` // mean share of the content words
}

// Hubs are what mistakes find again and again (Radovanovic et al. 2010, "Hubs in Space").
type Hubs struct {
	Candidates int `json:"candidates"`
	Distinct   int `json:"distinct"` // candidates that were found by mistake
	Most       int `json:"most"`     // mistakes that found the commonest of them
}

// Swap is one word in the place of another.
type Swap struct {
	Said   string  `json:"said"` // by the caption
	Is     string  `json:"is"`   // by the photograph's captions
	Count  int     `json:"count"`
	Chance float64 `json:"chance"` // in as many random pairs
}

// Example is a caption that was put to a photograph which is not its own.
type Example struct {
	Photograph string   `json:"photograph"`
	Caption    string   `json:"caption"` // the photograph it is of, and its number there
	Confidence float64  `json:"confidence"`
	Rank       int      `json:"rank"` // of the best right answer
	Words      int      `json:"words"`
	Missing    []string `json:"missing"`
	Instead    []string `json:"instead"`
}

// answer is what a query found.
type answer struct {
	caption, photo int // that were put together; one of them is the query
	found          int // the other one
	right          bool
	confidence     float64
	rank           int // of the best right answer
}

// answers are those of one direction, the most confident first.
func answers(e *evaluate.Embedded, scale float64, toTexts bool) (all []answer) {
	rows, own := clip.Similarities(e.Texts, e.Images), func(text, image int) bool { return e.Owner[text] == image }
	if toTexts {
		rows, own = clip.Similarities(e.Images, e.Texts), func(image, text int) bool { return e.Owner[text] == image }
	}
	ranks := clip.Ranks(rows, own)
	for query, found := range clip.Predicted(rows) {
		p := clip.Softmax(rows[query], scale)
		a := answer{caption: query, photo: found, found: found, right: own(query, found), confidence: p[found], rank: ranks[query]}
		if toTexts {
			a.caption, a.photo, a.confidence = found, query, 0
			for text, owner := range e.Owner {
				if owner == e.Owner[found] {
					a.confidence += p[text]
				}
			}
		}
		all = append(all, a)
	}
	slices.SortStableFunc(all, func(a, b answer) int { return cmp.Compare(b.confidence, a.confidence) })
	return all
}

// album are photographs with the content words of their captions.
type album struct {
	*evaluate.Embedded
	words  [][]word // by caption
	of     [][]int  // the captions of each photograph
	number []int    // of each caption among those of its photograph
}

func newAlbum(e *evaluate.Embedded, r *reader) *album {
	a := &album{Embedded: e, of: make([][]int, len(e.Images))}
	for i, caption := range e.Captions {
		a.words = append(a.words, r.read(caption))
		a.number = append(a.number, len(a.of[e.Owner[i]]))
		a.of[e.Owner[i]] = append(a.of[e.Owner[i]], i)
	}
	return a
}

// judge judges a caption by those of a photograph, but that of its own number: so many are there, too, when its own photograph is judged.
func (a *album) judge(caption, photo int) verdict {
	var others [][]word
	for number, text := range a.of[photo] {
		if number != a.number[caption] {
			others = append(others, a.words[text])
		}
	}
	return judge(a.words[caption], others)
}

// key names a caption as its data set does.
func (a *album) key(caption int) string {
	return fmt.Sprintf("%s#%d", a.Examples[a.Owner[caption]].ID, a.number[caption])
}

// say summarises verdicts.
func say(verdicts []verdict) Said {
	s := Said{N: len(verdicts), Kinds: map[Kind]stats.Proportion{}}
	count := func(is func(verdict) bool) stats.Proportion {
		n := 0
		for _, v := range verdicts {
			if is(v) {
				n++
			}
		}
		return stats.NewProportion(n, len(verdicts))
	}
	for _, k := range Kinds() {
		s.Kinds[k] = count(func(v verdict) bool { return v.has(k) })
	}
	s.Most = count(func(v verdict) bool { return 2*len(v.missing) <= v.words })
	s.All = count(func(v verdict) bool { return len(v.missing) == 0 })
	var covered []float64
	for _, v := range verdicts {
		covered = append(covered, v.covered())
	}
	s.Covered = stats.NewMean(covered)
	return s
}

// right are the captions judged by the others of their own photographs, and random those judged by any other photograph's.
func (a *album) references(seed uint64) (right, random []verdict) {
	rng := rand.New(rand.NewPCG(seed, 8))
	for caption, owner := range a.Owner {
		right = append(right, a.judge(caption, owner))
		other := (owner + 1 + rng.IntN(len(a.of)-1)) % len(a.of)
		random = append(random, a.judge(caption, other))
	}
	return right, random
}

// direction measures the mistakes of one direction.
func (a *album) direction(all []answer, toTexts bool, random []verdict, confident, examples int) (d Direction) {
	var right, wrong []float64
	var verdicts []verdict
	found := map[int]int{}
	for _, x := range all {
		if x.right {
			right = append(right, x.confidence)
			continue
		}
		wrong = append(wrong, x.confidence)
		v := a.judge(x.caption, x.photo)
		verdicts = append(verdicts, v)
		found[x.found]++
		d.Hubs.Most = max(d.Hubs.Most, found[x.found])
		if found[x.found] == 1 && len(d.Examples) < examples {
			d.Examples = append(d.Examples, Example{a.Examples[x.photo].ID, a.key(x.caption), x.confidence, x.rank, v.words, texts(v.missing), texts(v.instead)})
		}
	}
	d.Hubs.Candidates, d.Hubs.Distinct = len(a.of), len(found)
	if toTexts {
		d.Hubs.Candidates = len(a.words)
	}
	d.Right, d.Wrong = stats.NewMean(right), stats.NewMean(wrong)
	d.Tenths = tenths(all)
	d.Mistakes, d.Confident = say(verdicts), say(verdicts[:min(confident, len(verdicts))])
	d.Swaps = swaps(verdicts, random)
	return d
}

// texts are the words in the alphabet's order: a report holds no sentence of the data set.
func texts(words []word) (all []string) {
	for _, w := range words {
		all = append(all, w.text)
	}
	slices.Sort(all)
	return all
}

// tenths are answers in ten equal parts, the least confident first.
func tenths(all []answer) (parts []Tenth) {
	for k := range min(10, len(all)) {
		t, hits := Tenth{}, 0
		part := all[k*len(all)/min(10, len(all)) : (k+1)*len(all)/min(10, len(all))]
		for _, x := range part {
			t.Confidence += x.confidence / float64(len(part))
			if x.right {
				hits++
			}
		}
		t.Right = stats.NewProportion(hits, len(part))
		parts = append(parts, t)
	}
	slices.Reverse(parts)
	return parts
}

// swaps counts the words of the closed kinds that stand in the place of others, the commonest first.
func swaps(verdicts, random []verdict) (all []Swap) {
	counts, chance := pairs(verdicts), pairs(random)
	for p, n := range counts {
		all = append(all, Swap{p[0], p[1], n, float64(chance[p]) * float64(len(verdicts)) / float64(max(len(random), 1))})
	}
	sortSwaps(all)
	return all
}

// pairs counts what is said and what is, once a caption.
func pairs(verdicts []verdict) map[[2]string]int {
	counts := map[[2]string]int{}
	for _, v := range verdicts {
		for _, said := range v.missing {
			for _, is := range v.instead {
				if said.kind == is.kind {
					counts[[2]string{said.text, is.text}]++
				}
			}
		}
	}
	return counts
}
