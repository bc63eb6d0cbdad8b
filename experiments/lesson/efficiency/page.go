package efficiency

import (
	"fmt"
	"math"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/glimpse-ml/glimpse/experiments/lesson"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

const asks = `Why does CLIP not simply learn to say what is in a picture? The paper (Radford et al. 2021, section 2.3 and figure 2) tried: a transformer language model of the captions, then a
much simpler prediction of their bags of words, which learned ImageNet's classes 3 times as fast, then the contrastive objective in its place, 4 times as fast again.

Here four models have the same small image tower, start from the same weights of it, and see the same augmented pictures in the same order with the same parts of titles, in batches
of the same size under the same optimiser, whose learning rate stays constant after a warm-up, so that no point of a curve knows where the training will end; it is one for all, not the best for each:

- **transformer language model**: the picture stands where the start token would, and CLIP's text transformer foretells the title token by token;
- **bag-of-words prediction**: a linear layer on the image feature foretells all of the title's tokens at once (a softmax over the vocabulary);
- **bag-of-words contrastive**: which title of the batch is the picture's? The text tower is a network of one hidden layer on the mean of the token embeddings;
- **transformer contrastive**: the same with CLIP's text transformer, as CLIP was published.

Data are photographs of products with titles that people wrote: real pictures that a small tower learns something of within minutes, with classes that no training names but in the titles. Zero-shot classification is over the common
articleTypes of held-out products, with a limit on the pictures of each, so that classes count about the same, as ImageNet's do, and knowing which are common brings nothing. Prompts are the ways to write the class's name
(Tshirts, Tshirt, T-shirt). Contrastive models take the class whose mean prompt has the highest cosine. The others take the class whose prompts are the likeliest given the picture: **log p is summed over a prompt's tokens**
(by the language model given those before it, its end token included; by the bag of words, the words alone) and p over the class's prompts. Titles that would be right for other pictures of the batch are no negatives of those.

Models are measured after a number of steps that grows by the square root of 2 each time. An accuracy is reached where the straight line between two points, over the logarithm of pictures, first crosses it.`

func (m Method) identifier() string {
	return strings.NewReplacer(" ", "_", "-", "_").Replace(string(m))
}

// accuracy at a point is over seeds, or of the one seed over its pictures.
func accuracy(runs []ran, m Method, point int) stats.Mean {
	if len(runs) == 1 {
		r := runs[0].Report
		return stats.Mean(stats.NewProportion(int(math.Round(r.of(m).right(point)*float64(r.HeldOut))), r.HeldOut))
	}
	return lesson.OverSeeds(runs, func(r Report) float64 { return r.of(m).right(point) })
}

// ratios are those that the paper has, and the transformer's.
func ratios(runs []ran) []ratio {
	return []ratio{
		compare(runs, Language, Prediction, 3),
		compare(runs, Prediction, Contrastive, 4),
		compare(runs, Language, Contrastive, 12),
		compare(runs, Contrastive, Transformer, 0),
	}
}

// factor is how many times the FLOPs of the fast method a picture needs with the slow one.
func factor(runs []ran, r ratio) float64 {
	return runs[0].Report.of(r.slow).Work.Total() / runs[0].Report.of(r.fast).Work.Total()
}

func tell(runs []ran) (told lesson.Told, err error) {
	all := ratios(runs)
	last := len(runs[0].Report.Trained[0].Curve) - 1
	end := func(m Method) string { return lesson.PercentOf(accuracy(runs, m, last)) }
	relative := ratios(by(runs, Relative))
	told.Answer = fmt.Sprintf("Pictures needed for the same zero-shot accuracy: the language model over bag-of-words prediction %s (the paper: 3), prediction over the same bag of words trained contrastively %s (the paper: 4); "+
		"with probabilities taken relative to how common a name is, %s and %s. After %s pictures the language model is right in %s, bag-of-words prediction in %s, contrastive in %s with a bag of words and in %s with a transformer; guessing in %s.",
		all[0], all[1], relative[0], relative[1], humanize.Comma(int64(runs[0].Report.Trained[0].Curve[last].Pictures)), end(Language), end(Prediction), end(Contrastive), end(Transformer), lesson.Percent(1/float64(runs[0].Report.Classes)))
	byPictures, err := curvesFigure(runs, "Zero-shot accuracy by pictures processed", "pictures processed (log scale)", func(t Trained, p Point) float64 { return float64(p.Pictures) })
	if err != nil {
		return told, err
	}
	byWork, err := curvesFigure(runs, "Zero-shot accuracy by computation", "TFLOPs of training (log scale)", func(t Trained, p Point) float64 { return float64(p.Pictures) * t.Work.Total() / 1e12 })
	if err != nil {
		return told, err
	}
	bands := "Bands are 95% intervals, over pictures for one seed and over seeds for several."
	if decay := runs[0].Config.Products.Train.Average; decay > 0 {
		bands += fmt.Sprintf(" Measured is a moving average of the weights (decay %g).", decay)
	}
	told.Sections = []lesson.Section{
		{Heading: "By pictures", Text: neededTable(runs), Figures: []lesson.Figure{{Name: "pictures", Title: "Zero-shot accuracy by pictures processed", Caption: "Pictures count as often as they are seen. " + bands, Plot: byPictures}}},
		{Heading: "By computation", Text: workTable(runs), Figures: []lesson.Figure{{Name: "flops", Title: "Zero-shot accuracy by computation", Caption: "The same models over the operations that they took, forward and backward. " + bands, Plot: byWork}}},
		{Heading: "Ratios beside the paper's", Text: ratioTable(runs, all) + beside(runs, all)},
		{Heading: "Other rules", Text: rulesTable(runs, last, all, relative)},
	}
	told.Errata = []lesson.Erratum{{Claim: "a contrastive bag of words is up to 4 times as efficient as transformers, and predicting bags of words about 3 times.",
		Found:  fmt.Sprintf("the paper's 4 is the contrastive objective over prediction of the same bag of words, and its 3 is that prediction over the transformer language model. Here the first ratio is %s, the second %s.", all[1], all[0]),
		Source: "Radford et al. 2021, arXiv 2103.00020, section 2.3 and figure 2."}}
	bars, err := barsFigure(runs, all[:2])
	if err != nil || bars == nil {
		return told, err
	}
	told.Sections[2].Figures = []lesson.Figure{{Name: "ratios", Title: "How many times as many pictures the slower method needs", Caption: "95% intervals over seeds; of one seed there are none. LM is the language model, prediction and contrastive are those of bags of words; > and < mark bounds.", Plot: bars}}
	return told, nil
}

func curvesFigure(runs []ran, title, label string, x func(Trained, Point) float64) (*plots.Figure, error) {
	cfg := plots.CurvesConfig{Title: title, XLabel: label, YLabel: "zero-shot accuracy (%, 95% interval)", LogX: true,
		References: []plots.ReferenceLine{{Label: "guessing", Y: 100 / float64(runs[0].Report.Classes)}}}
	for _, m := range Methods() {
		t, curve := runs[0].Report.of(m), plots.Series{Name: string(m)}
		for i, p := range t.Curve {
			a := accuracy(runs, m, i)
			curve.X, curve.Y = append(curve.X, x(t, p)), append(curve.Y, 100*a.Value)
			curve.Low, curve.High = append(curve.Low, 100*max(a.Low, 0)), append(curve.High, 100*min(a.High, 1))
		}
		cfg.Series = append(cfg.Series, curve)
	}
	return plots.Curves(cfg)
}

// barsFigure is nil where there is no ratio to be drawn.
func barsFigure(runs []ran, all []ratio) (*plots.Figure, error) {
	cfg := plots.BarsConfig{Title: "How many times as much the slower method needs", YLabel: "ratio at equal accuracy (95% interval)", Chance: []float64{1}, ChanceLabel: "as much as the faster one"}
	pictures, work, paper := plots.BarSeries{Name: "pictures, here"}, plots.BarSeries{Name: "FLOPs, here"}, plots.BarSeries{Name: "pictures, the paper"}
	put := func(s *plots.BarSeries, m stats.Mean) {
		s.Values, s.Low, s.High = append(s.Values, m.Value), append(s.Low, m.Low), append(s.High, m.High)
	}
	for _, r := range all {
		if r.kind == "none" || r.paper == 0 {
			continue
		}
		cfg.Categories = append(cfg.Categories, short(r.slow)+" / "+short(r.fast)+map[string]string{"more than": ", >", "less than": ", <"}[r.kind])
		put(&pictures, r.mean)
		put(&work, r.times(factor(runs, r)).mean)
		put(&paper, stats.Mean{Value: r.paper, Low: r.paper, High: r.paper})
	}
	if len(cfg.Categories) == 0 {
		return nil, nil
	}
	cfg.Series = []plots.BarSeries{pictures, work, paper}
	return plots.Bars(cfg)
}

// short is a method's name for a bar.
func short(m Method) string {
	return map[Method]string{Language: "LM", Prediction: "prediction", Contrastive: "contrastive", Transformer: "transformer"}[m]
}

// neededTable says how many pictures each method needs for every accuracy that some of them reach.
func neededTable(runs []ran) string {
	header := []string{"accuracy"}
	for _, m := range Methods() {
		header = append(header, string(m))
	}
	var rows [][]string
	for _, level := range levels(runs) {
		row, reached := []string{fmt.Sprintf("%.0f%%", 100*level)}, false
		for _, m := range Methods() {
			all := crossings(runs, m, level)
			row = append(row, needed(all))
			isClear, _ := clear(all)
			reached = reached || isClear
		}
		if reached {
			rows = append(rows, row)
		}
	}
	if len(rows) == 0 {
		return "No method reaches an accuracy that the others can be compared at.\n"
	}
	return "Pictures until an accuracy is reached:\n\n" + lesson.Table(header, rows)
}

// needed is the geometric mean over seeds, or what can be said instead.
func needed(all []crossing) string {
	sum, least, most, never, early := 0.0, math.Inf(1), 0.0, 0, 0
	for _, c := range all {
		sum, least, most = sum+math.Log(c.pictures), min(least, c.pictures), max(most, c.pictures)
		if c.never {
			never++
		}
		if c.early {
			early++
		}
	}
	switch {
	case never == len(all):
		return "more than " + humanize.Comma(int64(least))
	case never > 0:
		return fmt.Sprintf("not reached with %d of %d seeds", never, len(all))
	case early > 0:
		return "at most " + humanize.Comma(int64(math.Round(most)))
	}
	return humanize.Comma(int64(math.Round(math.Exp(sum / float64(len(all))))))
}

func workTable(runs []ran) string {
	var rows [][]string
	for _, m := range Methods() {
		t := runs[0].Report.of(m)
		seconds := lesson.OverSeeds(runs, func(r Report) float64 { return r.of(m).Seconds })
		rows = append(rows, []string{string(m), fmt.Sprintf("%.1f", t.Work.Image/1e6), fmt.Sprintf("%.1f", t.Work.Text/1e6), fmt.Sprintf("%.1f", t.Work.Total()/1e6), fmt.Sprintf("%.0f", seconds.Value)})
	}
	return "Millions of operations that a picture takes in training, a multiplication and the addition behind it being two: the products of convolutions, linear layers and attention, forward once and backward " +
		"twice as much; padding included; norms, activations and the looking up of embeddings left out. The language model's text side holds the scores of all words of the vocabulary at every place.\n\n" +
		lesson.Table([]string{"", "image tower", "text side", "together", "seconds of training"}, rows)
}

func ratioTable(runs []ran, all []ratio) string {
	var rows [][]string
	for _, r := range all {
		paper := "-"
		if r.paper > 0 {
			paper = fmt.Sprintf("%.0f", r.paper)
		}
		flops := "-"
		if r.kind != "none" {
			flops = r.times(factor(runs, r)).String()
		}
		rows = append(rows, []string{fmt.Sprintf("%s over %s", r.slow, r.fast), r.String(), flops, paper, r.over()})
	}
	return "How many times as many pictures, or FLOPs, the slower method by the paper's account needs for the same accuracy: the geometric mean over the accuracies that both reach with every seed, in steps of 5 points from twice guessing on, and over seeds with Student's t " +
		"interval on the logarithms. \"More than\" and \"less than\" are the strongest bounds where there is no such accuracy, because one of them does not get there with every seed. The paper's 12 is the product of its 3 and 4.\n\n" +
		lesson.Table([]string{"", "pictures", "FLOPs", "the paper, pictures", "at accuracies"}, rows)
}

// beside says how the ratios stand beside the paper's, and what is different here.
func beside(runs []ran, all []ratio) string {
	cfg, r := runs[0].Config.Products, runs[0].Report
	var words []string
	for _, x := range all[:2] {
		words = append(words, fmt.Sprintf("%s over %s: %s", x.slow, x.fast, x.verdict()))
	}
	epochs := float64(cfg.Train.Steps*cfg.BatchSize) / float64(r.Training)
	return "\n" + strings.Join(words, "; ") + ".\n\n" +
		fmt.Sprintf("What is different from the paper, and may be why figures differ: %s pictures are seen up to %.0f times each, where the paper had 400 million; there are %d classes that titles name outright, not 1,000 that captions mention now and then; "+
			"a batch has %d texts to tell apart, not 32,768; the vocabulary has %s tokens, most of which a title of a few words has no use for; and the language model's computation is %.1f times the image tower's, where the paper's, of 63 million parameters, had twice.\n",
			humanize.Comma(int64(r.Training)), epochs, r.Classes, cfg.BatchSize, humanize.Comma(int64(r.Words)), r.of(Language).Work.Text/r.of(Language).Work.Image)
}

// verdict compares a ratio with the paper's.
func (r ratio) verdict() string {
	switch {
	case r.kind == "none":
		return "nothing to compare"
	case r.kind == "" && r.mean.N < 2:
		return "one seed says nothing certain"
	case r.kind == "more than" && r.mean.Value >= r.paper, r.kind == "" && r.mean.Low > r.paper:
		return "more than the paper's"
	case r.kind == "more than":
		return "a bound that does not exclude the paper's"
	case r.kind == "" && r.mean.High < r.paper && r.mean.Low > 1:
		return "in the paper's direction, by less"
	case r.kind == "less than" && r.mean.Value <= r.paper && r.mean.Value > 1:
		return "less than the paper's, in which direction the bound does not say"
	case r.kind == "less than" && r.mean.Value <= 1, r.kind == "" && r.mean.High < 1:
		return "the other way round than in the paper"
	case r.kind == "" && r.mean.High < r.paper:
		return "less than the paper's, and not told from 1"
	case r.kind == "":
		return "not told from the paper's"
	}
	return "a bound that says nothing certain"
}

func rulesTable(runs []ran, last int, all, relative []ratio) string {
	share := func(m Method, rule Rule) string {
		return lesson.PercentOf(lesson.OverSeeds(runs, func(r Report) float64 { return r.of(m).Curve[last].Right[rule] }))
	}
	var rows [][]string
	for _, m := range []Method{Language, Prediction} {
		rows = append(rows, []string{string(m), share(m, Sum), share(m, PerWord), share(m, Relative)})
	}
	averaged, compared := ratios(by(runs, PerWord)), [][]string{}
	for i, r := range all[:3] {
		compared = append(compared, []string{fmt.Sprintf("%s over %s", r.slow, r.fast), r.String(), averaged[i].String(), relative[i].String()})
	}
	header := []string{"", "summed", "divided by the tokens", "relative to all pictures"}
	return "How well a predictive model classifies depends on how its probabilities are made into a choice. Accuracy at the end of training, where log p of a prompt is summed over its tokens (the rule everywhere else on this page), divided by their number without the end token, " +
		"or summed and taken relative to its mean over all held-out pictures, which removes that some names are common in titles. A cosine needs no such rule: contrastive training removes what is common by itself. The last rule looks at all held-out pictures, though not at their classes.\n\n" +
		lesson.Table(header, rows) + "\nThe ratios of pictures by those rules:\n\n" + lesson.Table(header, compared)
}
