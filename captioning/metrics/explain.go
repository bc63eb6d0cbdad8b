package metrics

import "strings"

// Explanation says what a caption was credited for.
type Explanation struct {
	Picture Picture `json:"-"`
	Scores  Scores  `json:"scores"`
	Grams   []Gram  `json:"ngrams"` // of the candidate, each once: the shorter first, then in the order of the caption
}

// Gram is an n-gram of a candidate and its credit.
type Gram struct {
	Text  string `json:"text"`
	N     int    `json:"n"`     // words, 1 to 4
	Count int    `json:"count"` // how often the candidate has it
	// Credited is how many of them BLEU counts as correct: as many as the reference has that has most of them.
	Credited int `json:"credited"`
	// References are the places of the references that have it, from 0.
	References []int `json:"references"`
	// Weight is the n-gram's inverse document frequency ln(N / n), at least 0: how much it says about a picture.
	Weight float64 `json:"weight"`
	// CIDEr is its part of the caption's CIDEr-D; the parts of all n-grams add up to it. Most comes from the rare ones.
	CIDEr float64 `json:"cider"`
}

// Explain says which n-grams of a picture's candidate BLEU and CIDEr-D credit, by which references, and which not.
func Explain(frequencies *DocumentFrequencies, p Picture) (*Explanation, error) {
	e, err := EvaluateWith(frequencies, []Picture{p})
	if err != nil {
		return nil, err
	}
	x := &Explanation{Picture: p, Scores: e.Corpus}
	places := map[string]int{} // of an n-gram's text in x.Grams
	text := words(p.Candidate)
	eachGram(text, func(gram string, n int) {
		i, seen := places[gram]
		if !seen {
			i = len(x.Grams)
			places[gram] = i
			x.Grams = append(x.Grams, Gram{Text: gram, N: n, References: []int{}})
		}
		x.Grams[i].Count++
	})
	for r, reference := range p.References {
		counts := map[int]int{}
		eachGram(words(reference), func(gram string, _ int) {
			if i, ok := places[gram]; ok {
				counts[i]++
			}
		})
		for i := range x.Grams {
			if g := &x.Grams[i]; counts[i] > 0 {
				g.References = append(g.References, r)
				g.Credited = max(g.Credited, min(g.Count, counts[i]))
			}
		}
	}
	x.addCIDEr(frequencies.Target(p.References), text, places)
	return x, nil
}

// eachGram goes through the n-grams of a text, the shorter first. Words have no blanks, so the text says where they
// end.
func eachGram(text []string, visit func(gram string, n int)) {
	for n := 1; n <= maxN; n++ {
		for i := 0; i+n <= len(text); i++ {
			visit(strings.Join(text[i:i+n], " "), n)
		}
	}
}

// addCIDEr shares the CIDEr-D of a caption out among its n-grams.
func (x *Explanation) addCIDEr(t *Target, text []string, places map[string]int) {
	ids := t.number(text)
	names := map[int32]string{}
	for i, id := range ids {
		names[id] = text[i]
	}
	hypothesis := t.frequencies.vector(ids)
	for k, grams := range hypothesis.grams {
		index := make([]int, len(grams)) // in x.Grams
		for i, g := range grams {
			parts := make([]string, k+1)
			for j := range parts {
				parts[j] = names[g.gram[j]]
			}
			index[i] = places[strings.Join(parts, " ")]
			x.Grams[index[i]].Weight = t.frequencies.weight(g.gram)
		}
		for r := range t.references {
			scale := t.scale(&hypothesis, &t.references[r])
			common(grams, t.references[r].grams[k], func(i int, product float64) {
				x.Grams[index[i]].CIDEr += product * scale[k]
			})
		}
	}
}
