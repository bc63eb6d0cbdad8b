package contrastive

import (
	"math"

	"github.com/gomlx/compute"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// TitleVote is a zero-shot classification in which the training titles are the prompts. The softmax over all of them, at the
// learned temperature, says how well each describes a picture; the probability of a class is the share of the
// titles that name it. It needs no label: whether a title names a class is read from its words. Unlike with a few prompts
// written by hand, a class that titles name often is taken to be common, and the prompts are such as the model knows.
type TitleVote struct {
	Top1   stats.Proportion `json:"top1"`
	Titles map[string]int   `json:"titles"` // that name each class
}

// voteByTitles classifies the pictures of e that have one of the classes.
func voteByTitles(b compute.Backend, m *clip.Model, e *evaluate.Embedded, titles, classes []string, class func(datasets.Example) string) (*TitleVote, error) {
	vote := &TitleVote{Titles: map[string]int{}}
	named := make([][]int, len(classes)) // titles of each class
	for i, title := range titles {
		words := wordSet(title)
		for c, name := range classes {
			if namesClass(words, name) {
				named[c] = append(named[c], i)
				vote.Titles[name]++
			}
		}
	}
	embedded, err := m.EncodeTextsTruncated(b, titles)
	if err != nil {
		return nil, err
	}
	scale, err := m.Scale()
	if err != nil {
		return nil, err
	}
	hits, n := 0, 0
	for i, row := range clip.Similarities(e.Images, embedded) {
		truth := class(e.Examples[i])
		if truth == "" {
			continue
		}
		best, most := "", -1.0
		for c, name := range classes {
			sum := 0.0 // of the softmax's numerators; cosines are below 1, so that nothing overflows
			for _, j := range named[c] {
				sum += math.Exp(scale * (float64(row[j]) - 1))
			}
			if sum > most {
				best, most = name, sum
			}
		}
		n++
		if best == truth {
			hits++
		}
	}
	vote.Top1 = stats.NewProportion(hits, n)
	return vote, nil
}

// namesClass says whether a title, by its words, names a class in one of the ways that titles do.
func namesClass(words map[string]bool, class string) bool {
	for _, name := range evaluate.Names(class) {
		if containsAll(words, wordSet(name)) {
			return true
		}
	}
	return false
}
