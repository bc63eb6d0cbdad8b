package metrics

import "math"

// BLEUCounts are the counts that BLEU is made of, of one picture or summed over many: BLEU of a corpus is not a mean of
// BLEUs.
type BLEUCounts struct {
	Correct   [maxN]int // n-grams of length 1 to 4 that occur in a reference, each at most as often as in one reference
	Guessed   [maxN]int // n-grams of the candidate
	Length    int       // words of the candidate
	Reference int       // words of the reference that is closest in length, of two the shorter
}

// CountBLEU compares a candidate with its references, all of them tokenised (Papineni et al. 2002, section 2). Without
// references nothing is correct and their length is 0.
func CountBLEU(candidate string, references []string) BLEUCounts {
	ids := numbering{}
	hypothesis := ids.number(words(candidate))
	c := BLEUCounts{Length: len(hypothesis)}
	var texts [][]int32
	for i, reference := range references {
		text := ids.number(words(reference))
		texts = append(texts, text)
		nearer := distance(len(text), c.Length) - distance(c.Reference, c.Length)
		if i == 0 || nearer < 0 || nearer == 0 && len(text) < c.Reference {
			c.Reference = len(text)
		}
	}
	for k := range maxN {
		most := map[gram]int{}
		for _, text := range texts {
			for _, g := range countGrams(text, k+1) {
				most[g.gram] = max(most[g.gram], g.count)
			}
		}
		for _, g := range countGrams(hypothesis, k+1) {
			c.Guessed[k] += g.count
			c.Correct[k] += min(g.count, most[g.gram])
		}
	}
	return c
}

func distance(a, b int) int { return max(a-b, b-a) }

// Plus adds the counts of other pictures.
func (c BLEUCounts) Plus(other BLEUCounts) BLEUCounts {
	for k := range maxN {
		c.Correct[k] += other.Correct[k]
		c.Guessed[k] += other.Guessed[k]
	}
	c.Length += other.Length
	c.Reference += other.Reference
	return c
}

// Scores are BLEU-1 to BLEU-4, 0 to 1: the geometric mean of the precisions up to n, times exp(1 - 1/r) when r, the
// candidate's length by the reference's, is below 1. coco-caption's two tiny numbers keep an n without any
// n-gram from being 0/0; they are why an identical caption has 1 - 1e-10 or so.
func (c BLEUCounts) Scores() [maxN]float64 {
	const tiny, small = 1e-15, 1e-9
	ratio := (float64(c.Length) + tiny) / (float64(c.Reference) + small)
	penalty := 1.0
	if ratio < 1 {
		penalty = math.Exp(1 - 1/ratio)
	}
	var scores [maxN]float64
	product := 1.0
	for k := range maxN {
		product *= (float64(c.Correct[k]) + tiny) / (float64(c.Guessed[k]) + small)
		scores[k] = math.Pow(product, 1/float64(k+1)) * penalty
	}
	return scores
}
