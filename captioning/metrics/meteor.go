package metrics

import (
	"math"
	"slices"
	"strings"
)

// METEORCounts are what the METEOR-like score is made of, of one picture or summed over many. As in METEOR, the score
// of a corpus is that of the sums, not a mean of scores.
//
// The formula, the weights and the parameters are those of METEOR 1.5 for English (Denkowski and Lavie, "Meteor
// Universal", WMT 2014). It is "METEOR-like" and not METEOR, for three reasons, so its figures
// compare with each other only:
//
//   - words match when they are equal or have the same stem; METEOR also matches synonyms (WordNet) and paraphrases,
//     so its scores are higher for captions that say the same in other words;
//   - the stems are Porter's of 1980, METEOR's are those of Porter's later Snowball stemmer;
//   - the function words, which count less, are a list of the closed classes of English made for this package, METEOR's
//     are those that are frequent in a large corpus.
type METEORCounts struct {
	Candidate Mass // words of the candidate
	Reference Mass // words of the reference
	// Matched words with their weights: 1 for equal words, 0.6 for equal stems. A pair may join a content word and a
	// function word, so the two sides are kept apart.
	MatchedCandidate Mass
	MatchedReference Mass
	Matches          int // pairs of words
	Chunks           int // runs of pairs that are adjacent and in the same order in both; 0 where the texts are equal
}

// Mass is an amount of words, content and function words apart.
type Mass struct{ Content, Function float64 }

func (m Mass) plus(o Mass) Mass { return Mass{m.Content + o.Content, m.Function + o.Function} }

// weighted counts a content word 0.75 and a function word 0.25 (delta).
func (m Mass) weighted() float64 {
	const delta = 0.75
	return delta*m.Content + (1-delta)*m.Function
}

func (m *Mass) add(word string, amount float64) {
	if functionWords[word] {
		m.Function += amount
		return
	}
	m.Content += amount
}

// Weights of a match by equal words and by equal stems.
const (
	exactWeight = 1.0
	stemWeight  = 0.6
)

// CountMETEOR compares a tokenised candidate with each of its references and returns the counts of the reference that
// gives the highest score, of equal ones the first. Without references it counts the candidate alone.
func CountMETEOR(candidate string, references []string) METEORCounts {
	hypothesis := words(candidate)
	var best METEORCounts
	best.Candidate = massOf(hypothesis)
	for i, reference := range references {
		if c := countPair(hypothesis, words(reference)); i == 0 || c.Score() > best.Score() {
			best = c
		}
	}
	return best
}

func countPair(hypothesis, reference []string) METEORCounts {
	c := METEORCounts{Candidate: massOf(hypothesis), Reference: massOf(reference)}
	pairs := align(hypothesis, reference)
	for i, p := range pairs {
		weight := stemWeight
		if p.exact {
			weight = exactWeight
		}
		c.MatchedCandidate.add(hypothesis[p.candidate], weight)
		c.MatchedReference.add(reference[p.reference], weight)
		if i == 0 || p.candidate != pairs[i-1].candidate+1 || p.reference != pairs[i-1].reference+1 {
			c.Chunks++
		}
	}
	c.Matches = len(pairs)
	if slices.Equal(hypothesis, reference) {
		c.Chunks = 0
	}
	return c
}

func massOf(text []string) Mass {
	var m Mass
	for _, w := range text {
		m.add(w, 1)
	}
	return m
}

// Plus adds the counts of other pictures.
func (c METEORCounts) Plus(o METEORCounts) METEORCounts {
	return METEORCounts{c.Candidate.plus(o.Candidate), c.Reference.plus(o.Reference),
		c.MatchedCandidate.plus(o.MatchedCandidate), c.MatchedReference.plus(o.MatchedReference),
		c.Matches + o.Matches, c.Chunks + o.Chunks}
}

// Score is the METEOR-like score, 0 to 1:
//
//	P = matched / candidate, R = matched / reference, both of weighted words
//	F = P R / (alpha P + (1 - alpha) R)
//	score = (1 - gamma (chunks / matches)^beta) F
//
// with alpha 0.85, beta 0.20, gamma 0.60. A caption that equals its reference has no
// chunk and so no penalty: it scores 1.
func (c METEORCounts) Score() float64 {
	const alpha, beta, gamma = 0.85, 0.20, 0.60
	if c.Matches == 0 {
		return 0
	}
	precision := c.MatchedCandidate.weighted() / c.Candidate.weighted()
	recall := c.MatchedReference.weighted() / c.Reference.weighted()
	f := precision * recall / (alpha*precision + (1-alpha)*recall)
	return (1 - gamma*math.Pow(float64(c.Chunks)/float64(c.Matches), beta)) * f
}

// functionWords are articles, prepositions, conjunctions, pronouns, auxiliary verbs and the endings that tokenising
// splits off.
var functionWords = setOf(strings.Fields(`
	a an the this that these those some any each every no not n't 's 're 've 'll 'm 'd
	of in on at by for with from to into onto over under up down out off as about through between near
	and or but if than so while when where which who whom what there here
	i you he she it we they me him her us them my your his its our their himself herself itself themselves one
	is are was were be been being am has have had do does did can could will would may might shall should must
`)...)
