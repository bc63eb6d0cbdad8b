package metrics

import "math"

// DocumentFrequencies says of n-grams among how many pictures' references they occur, the weights of CIDEr-D. It does
// not change once it is made and can be used from several goroutines.
type DocumentFrequencies struct {
	documents int
	numbers   numbering
	pictures  map[gram]int32
}

// CountDocuments counts the n-grams of references, those of each picture in a list of its own, all tokenised. An n-gram
// that two references of one picture have counts once.
func CountDocuments(references [][]string) *DocumentFrequencies {
	d := &DocumentFrequencies{documents: len(references), numbers: numbering{}, pictures: map[gram]int32{}}
	for _, picture := range references {
		seen := map[gram]bool{}
		for _, reference := range picture {
			ids := d.numbers.number(words(reference))
			for n := 1; n <= maxN; n++ {
				for i := 0; i+n <= len(ids); i++ {
					var g gram
					copy(g[:], ids[i:i+n])
					if !seen[g] {
						seen[g] = true
						d.pictures[g]++
					}
				}
			}
		}
	}
	return d
}

// Documents is the number of pictures that were counted.
func (d *DocumentFrequencies) Documents() int { return d.documents }

// weight is the inverse document frequency ln(N / n) of an n-gram, n and N at least 1.
func (d *DocumentFrequencies) weight(g gram) float64 {
	return math.Log(float64(max(1, d.documents))) - math.Log(float64(max(1, d.pictures[g])))
}

// weighted is an n-gram of a text with its term frequency times its inverse document frequency.
type weighted struct {
	gram  gram
	value float64
}

// vector is a text as CIDEr-D sees it.
type vector struct {
	grams   [maxN][]weighted // in the order of compareGrams
	norm    [maxN]float64
	bigrams int
}

func (d *DocumentFrequencies) vector(ids []int32) vector {
	v := vector{bigrams: max(0, len(ids)-1)}
	for k := range maxN {
		grams := countGrams(ids, k+1)
		v.grams[k] = make([]weighted, len(grams))
		squares := 0.0
		for i, g := range grams {
			value := float64(g.count) * d.weight(g.gram)
			v.grams[k][i] = weighted{g.gram, value}
			squares += value * value
		}
		v.norm[k] = math.Sqrt(squares)
	}
	return v
}

// Target is what CIDEr-D compares captions of one picture with: its references, made ready. It does not change and can
// be used from several goroutines.
type Target struct {
	frequencies *DocumentFrequencies
	own         numbering // words of the references that the document frequencies do not know
	references  []vector
}

// Target makes the references of a picture, tokenised, ready. They need not be among those that were counted.
func (d *DocumentFrequencies) Target(references []string) *Target {
	t := &Target{frequencies: d, own: numbering{}}
	for _, reference := range references {
		text := words(reference)
		for _, w := range text {
			if _, known := d.numbers[w]; !known && t.own[w] == 0 {
				t.own[w] = int32(len(d.numbers)+len(t.own)) + 1
			}
		}
		t.references = append(t.references, d.vector(t.number(text)))
	}
	return t
}

// number is the words' numbers; words that neither the references nor the document frequencies know have numbers below
// 0.
func (t *Target) number(text []string) []int32 {
	ids := make([]int32, len(text))
	var strange numbering // few captions have any
	for i, w := range text {
		id, ok := t.frequencies.numbers[w]
		if !ok {
			id, ok = t.own[w]
		}
		if !ok {
			if strange == nil {
				strange = numbering{}
			}
			id = -strange.number([]string{w})[0]
		}
		ids[i] = id
	}
	return ids
}

// CIDEr is CIDEr-D (Vedantam et al. 2015, section 6) of a tokenised candidate, 0 to 10.
//
// For n = 1 to 4, texts are vectors of their n-grams' counts times ln(N / n-gram's document frequency). A reference
// gives
//
//	sum over n-grams of min(candidate, reference) * reference / (|candidate| |reference|) * exp(-d^2 / (2 * 6^2))
//
// where d is the difference in length; the score is 10 times the mean over n and the references. As in coco-caption, d
// counts bigrams, words are not stemmed, and where a vector is 0 nothing is divided.
func (t *Target) CIDEr(candidate string) float64 { return t.CIDErOfWords(words(candidate)) }

// CIDErOfWords is [Target.CIDEr] of a caption that is already cut into words.
func (t *Target) CIDErOfWords(candidate []string) float64 {
	hypothesis := t.frequencies.vector(t.number(candidate))
	sum := 0.0
	for i := range t.references {
		reference := &t.references[i]
		scale := t.scale(&hypothesis, reference)
		for k := range maxN {
			dot := 0.0
			common(hypothesis.grams[k], reference.grams[k], func(_ int, product float64) { dot += product })
			sum += dot * scale[k]
		}
	}
	return sum
}

// scale is what the products of two vectors are multiplied with to become parts of the score, for each n.
func (t *Target) scale(hypothesis, reference *vector) [maxN]float64 {
	const sigma = 6
	d := float64(hypothesis.bigrams - reference.bigrams)
	penalty := math.Exp(-d * d / (2 * sigma * sigma))
	var scale [maxN]float64
	for k := range maxN {
		scale[k] = 10 * penalty / maxN / float64(len(t.references))
		if norms := hypothesis.norm[k] * reference.norm[k]; norms != 0 {
			scale[k] /= norms
		}
	}
	return scale
}

// common calls visit with the place in hypothesis and the clipped product of every n-gram that both have.
func common(hypothesis, reference []weighted, visit func(i int, product float64)) {
	for i, j := 0, 0; i < len(hypothesis) && j < len(reference); {
		switch c := compareGrams(hypothesis[i].gram, reference[j].gram); {
		case c < 0:
			i++
		case c > 0:
			j++
		default:
			visit(i, min(hypothesis[i].value, reference[j].value)*reference[j].value)
			i++
			j++
		}
	}
}
