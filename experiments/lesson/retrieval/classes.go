package retrieval

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/contrastive"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

// Classification is zero-shot classification by prompts, and its mistakes.
type Classification struct {
	Data      string           `json:"data"`
	Classes   []string         `json:"classes"` // siblings beside each other
	Top1      stats.Proportion `json:"top1"`
	Majority  float64          `json:"majority"` // share of the commonest class
	ECE       float64          `json:"ece"`      // expected calibration error, in ten bins
	Confusion [][]int          `json:"confusion"`
	Right     stats.Mean       `json:"right_confidence"` // mean confidence of the right answers, and of the wrong ones
	Wrong     stats.Mean       `json:"wrong_confidence"`
	Tenths    []Tenth          `json:"tenths"` // of the answers, by rising confidence
	Pairs     []Pair           `json:"pairs"`  // the commonest first
	Levels    []Level          `json:"levels"`
	Titles    Titles           `json:"titles"`
	Examples  []Misnamed       `json:"examples"` // the most confident first
}

// Pair is a class that was taken for another.
type Pair struct {
	Class      string  `json:"class"`
	Said       string  `json:"said"`
	Count      int     `json:"count"`
	Of         int     `json:"of"`         // pictures of the class
	Confidence float64 `json:"confidence"` // mean
	Siblings   bool    `json:"siblings"`   // on the first level
}

// Level is how many mistakes stay among siblings, classes with the same value of an attribute.
type Level struct {
	Attribute string           `json:"attribute"`
	Mistakes  stats.Proportion `json:"mistakes"`
	Confident stats.Proportion `json:"confident"` // of the most confident of them
	Chance    float64          `json:"chance"`    // were each mistake as likely every other class
}

// Titles is what pictures' own titles say, which the model did not see. A title names a class by its words.
type Titles struct {
	Own       stats.Proportion `json:"own"`       // of all pictures, their titles name the class of the catalogue
	Mistakes  stats.Proportion `json:"mistakes"`  // of the mistakes, their titles name the class that was said and not that of the catalogue
	Confident stats.Proportion `json:"confident"` // of the most confident of them
}

// Misnamed is a picture that was taken for one of another class.
type Misnamed struct {
	Picture    string  `json:"picture"`
	Class      string  `json:"class"`
	Said       string  `json:"said"`
	Confidence float64 `json:"confidence"`
}

// named is a classified picture.
type named struct {
	example     datasets.Example
	class, said int
	confidence  float64
}

// classify trains the CLIP on titles and classifies the held-out pictures; they come back with the most confident first.
func (c *Classification) classify(ctx context.Context, env *experiments.Env, cfg Config) (all []named, remarks []string, err error) {
	p, err := contrastive.OpenTitled(ctx, env, cfg.Products)
	if err != nil {
		return nil, nil, err
	}
	if err := checkLevels(p.HeldOut(), cfg.Levels); err != nil {
		return nil, nil, err
	}
	m, err := p.New(env)
	if err != nil {
		return nil, nil, err
	}
	if _, remarks, err = p.Fit(ctx, env, "CLIP on titles", m, nil); err != nil {
		return nil, nil, err
	}
	b := env.Backend.Backend
	e, err := evaluate.EmbedImages(ctx, b, m, p.HeldOut(), nil)
	if err != nil {
		return nil, nil, err
	}
	of := values(e.Examples, p.Class, cfg.Levels)
	for class := range of {
		c.Classes = append(c.Classes, class)
	}
	slices.SortFunc(c.Classes, func(x, y string) int {
		return cmp.Or(slices.Compare(reversed(of[x]), reversed(of[y])), cmp.Compare(x, y))
	})
	var spelled [][]string
	for _, class := range c.Classes {
		spelled = append(spelled, evaluate.Names(class))
	}
	weights, err := m.ClassWeights(b, spelled, evaluate.ProductTemplates())
	if err != nil {
		return nil, nil, err
	}
	scale, err := m.Scale()
	if err != nil {
		return nil, nil, err
	}
	c.Data = cfg.Products.Data
	all, err = c.measure(e, clip.Similarities(e.Images, weights), scale, p.Class)
	if err != nil {
		return nil, nil, err
	}
	c.group(all, of, cfg)
	return all, remarks, nil
}

// checkLevels refuses attributes that no picture has: by those, all classes would be siblings.
func checkLevels(set datasets.Dataset, levels []string) error {
	for _, level := range levels {
		found := false
		for i := 0; i < set.Len() && !found; i++ {
			found = set.At(i).Attributes[level] != ""
		}
		if !found {
			return fmt.Errorf("levels: expected attributes of the held-out pictures, found %q, which none of %d has", level, set.Len())
		}
	}
	return nil
}

// reversed has the widest level first, by which classes are put in order.
func reversed(values []string) []string {
	r := slices.Clone(values)
	slices.Reverse(r)
	return r
}

// values are the commonest values of the levels' attributes of each class.
func values(examples []datasets.Example, class func(datasets.Example) string, levels []string) map[string][]string {
	counts := map[string][]map[string]int{}
	for _, x := range examples {
		name := class(x)
		if name == "" {
			continue
		}
		if counts[name] == nil {
			for range levels {
				counts[name] = append(counts[name], map[string]int{})
			}
		}
		for i, level := range levels {
			counts[name][i][x.Attributes[level]]++
		}
	}
	of := map[string][]string{}
	for name, all := range counts {
		of[name] = make([]string, len(all))
		for i, values := range all {
			most := 0
			for value, n := range values {
				if n > most || n == most && value < of[name][i] {
					of[name][i], most = value, n
				}
			}
		}
	}
	return of
}

// measure measures the answers [n][classes] as cosines.
func (c *Classification) measure(e *evaluate.Embedded, cosines [][]float32, scale float64, class func(datasets.Example) string) (all []named, err error) {
	var probabilities [][]float64
	var labels, said []int
	var right, wrong []float64
	predicted := clip.Predicted(cosines)
	for i, x := range e.Examples {
		label := slices.Index(c.Classes, class(x))
		if label < 0 {
			continue
		}
		p := clip.Softmax(cosines[i], scale)
		probabilities, labels, said = append(probabilities, p), append(labels, label), append(said, predicted[i])
		n := named{x, label, predicted[i], p[predicted[i]]}
		all = append(all, n)
		if n.class == n.said {
			right = append(right, n.confidence)
		} else {
			wrong = append(wrong, n.confidence)
		}
	}
	calibration, err := clip.Calibrate(probabilities, labels, clip.CalibrationBins)
	if err != nil {
		return nil, err
	}
	c.ECE, c.Confusion = calibration.ECE, clip.Confusion(labels, said, len(c.Classes))
	c.Top1 = stats.NewProportion(len(right), len(labels))
	for _, row := range c.Confusion {
		n := 0
		for _, count := range row {
			n += count
		}
		c.Majority = max(c.Majority, float64(n)/float64(len(labels)))
	}
	c.Right, c.Wrong = stats.NewMean(right), stats.NewMean(wrong)
	slices.SortStableFunc(all, func(a, b named) int { return cmp.Compare(b.confidence, a.confidence) })
	var answered []answer
	for _, n := range all {
		answered = append(answered, answer{right: n.class == n.said, confidence: n.confidence})
	}
	c.Tenths = tenths(answered)
	return all, nil
}

// group groups the mistakes: by pairs of classes, by siblings, by what titles say.
func (c *Classification) group(all []named, of map[string][]string, cfg Config) {
	var mistakes []named
	own := 0
	for _, n := range all {
		if names(n.example.Captions, c.Classes[n.class]) {
			own++
		}
		if n.class != n.said {
			mistakes = append(mistakes, n)
		}
	}
	confident := mistakes[:min(cfg.Confident, len(mistakes))]
	c.Pairs = c.pairs(mistakes, of)
	for i, attribute := range cfg.Levels {
		siblings := func(n named) bool { return of[c.Classes[n.class]][i] == of[c.Classes[n.said]][i] }
		l := Level{Attribute: attribute, Mistakes: share(mistakes, siblings), Confident: share(confident, siblings)}
		for _, n := range mistakes {
			others := 0
			for class := range c.Classes {
				if class != n.class && siblings(named{class: n.class, said: class}) {
					others++
				}
			}
			l.Chance += float64(others) / float64((len(c.Classes)-1)*len(mistakes))
		}
		c.Levels = append(c.Levels, l)
	}
	otherwise := func(n named) bool {
		return names(n.example.Captions, c.Classes[n.said]) && !names(n.example.Captions, c.Classes[n.class])
	}
	c.Titles = Titles{Own: stats.NewProportion(own, len(all)), Mistakes: share(mistakes, otherwise), Confident: share(confident, otherwise)}
	for _, n := range mistakes[:min(cfg.Examples, len(mistakes))] {
		c.Examples = append(c.Examples, Misnamed{n.example.ID, c.Classes[n.class], c.Classes[n.said], n.confidence})
	}
}

func share(all []named, is func(named) bool) stats.Proportion {
	n := 0
	for _, x := range all {
		if is(x) {
			n++
		}
	}
	return stats.NewProportion(n, len(all))
}

// pairs are the classes that were taken for others.
func (c *Classification) pairs(mistakes []named, of map[string][]string) (pairs []Pair) {
	sums := make([][]float64, len(c.Classes))
	for class := range sums {
		sums[class] = make([]float64, len(c.Classes))
	}
	for _, n := range mistakes {
		sums[n.class][n.said] += n.confidence
	}
	for class, row := range c.Confusion {
		total := 0
		for _, count := range row {
			total += count
		}
		for said, count := range row {
			if class != said && count > 0 {
				a, b := c.Classes[class], c.Classes[said]
				siblings := len(of[a]) > 0 && of[a][0] == of[b][0]
				pairs = append(pairs, Pair{a, b, count, total, sums[class][said] / float64(count), siblings})
			}
		}
	}
	slices.SortStableFunc(pairs, func(x, y Pair) int { return cmp.Compare(y.Count, x.Count) })
	return pairs
}

// names says whether a title has all the words of one of a class's names.
func names(titles []string, class string) bool {
	words := map[string]bool{}
	for _, title := range titles {
		for _, w := range plain(title) {
			words[w] = true
		}
	}
	for _, name := range evaluate.Names(class) {
		all := true
		for _, w := range plain(name) {
			all = all && words[w]
		}
		if all {
			return true
		}
	}
	return false
}

// plain are the words of a title without hyphens and plurals: T-Shirts and Tshirt are one.
func plain(title string) (words []string) {
	for _, w := range strings.Fields(strings.ToLower(title)) {
		w = strings.Map(func(c rune) rune {
			if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
				return c
			}
			return -1
		}, w)
		if w = strings.TrimSuffix(w, "s"); w != "" {
			words = append(words, w)
		}
	}
	return words
}
