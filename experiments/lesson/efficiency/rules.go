package efficiency

import "math"

// Rule is how a class's score comes of what a model says of its prompts.
type Rule string

// The rules. Contrastive models have the cosine alone; of the others' the first is the one that curves and ratios are by.
const (
	Cosine   Rule = "cosine"   // of the picture and the mean of the class's prompts
	Sum      Rule = "sum"      // log of the sum over a class's prompts of p(prompt | picture), log p summed over the words
	PerWord  Rule = "per_word" // the same with log p divided by the number of words, the end token not counted, so that long names cost little more than short ones
	Relative Rule = "relative" // Sum, less the log of its mean over all pictures: how much likelier the picture makes the class
)

// Rules are those that a method is measured by.
func (m Method) Rules() []Rule {
	if m.predicts() {
		return []Rule{Sum, PerWord, Relative}
	}
	return []Rule{Cosine}
}

// byClass are the scores of pictures and classes [n][C] by a rule, of those with each prompt [n][P], or with each class already.
func (e *exam) byClass(scores [][]float32, rule Rule) [][]float32 {
	if rule == Cosine {
		return scores
	}
	of := make([][]float32, len(scores))
	for i, row := range scores {
		of[i] = make([]float32, len(e.classes))
		prompts := make([][]float64, len(e.classes))
		for p, v := range row {
			logP := float64(v)
			if rule == PerWord {
				logP /= float64(max(e.words[p], 1))
			}
			prompts[e.owner[p]] = append(prompts[e.owner[p]], logP)
		}
		for c := range prompts {
			of[i][c] = float32(logSumExp(prompts[c]))
		}
	}
	if rule == Relative {
		e.lessMean(of)
	}
	return of
}

// lessMean takes from each class's scores the log of the mean over pictures of their exponentials.
func (e *exam) lessMean(of [][]float32) {
	for c := range e.classes {
		var column []float64
		for i := range of {
			column = append(column, float64(of[i][c]))
		}
		mean := logSumExp(column) - math.Log(float64(len(column)))
		for i := range of {
			of[i][c] -= float32(mean)
		}
	}
}

// logSumExp is ln of the sum of e^x, without overflow.
func logSumExp(x []float64) float64 {
	peak, sum := math.Inf(-1), 0.0
	for _, v := range x {
		peak = max(peak, v)
	}
	for _, v := range x {
		sum += math.Exp(v - peak)
	}
	return peak + math.Log(sum)
}
