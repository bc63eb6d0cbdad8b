package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/plots"
)

// scoredPair is a picture with one of its texts: a line of what `glimpse filter` writes.
type scoredPair struct {
	ID      string  `json:"id"`
	Caption string  `json:"caption"`
	Number  int     `json:"number"` // of the caption among those of its picture, from 0
	Score   float64 `json:"score"`  // the cosine of picture and text
}

// filtered is the summary of `glimpse filter --json --out FILE`.
type filtered struct {
	measured
	Pairs     int      `json:"pairs"`
	Kept      int      `json:"kept"`
	Dropped   int      `json:"dropped"`
	Threshold *float64 `json:"threshold"` // the least score that was kept; null when nothing was
	Mean      float64  `json:"mean"`
	Out       string   `json:"out"`
	Problems  []string `json:"problems"` // pictures that could not be read
}

// filtering is a call of `glimpse filter`.
type filtering struct {
	evaluation
	keep, above    float64
	dropped        bool
	out, histogram string
}

func filterCommand() *cobra.Command {
	var f filtering
	cmd := &cobra.Command{
		Use:   "filter --model DIR --data DIR",
		Short: "Rank or drop the pairs of a captioned data set by how well text and picture agree",
		Long: `Filter scores every pair of picture and caption with the cosine that a CLIP model gives it, and lists those that are
kept, the best first: the share --keep of all pairs, or the pairs --above a score, or all. Training on the better
pairs is how noisy collections from the web are made useful. Scores of one model compare; those of two do not.

Pairs are printed as a table, with --json as JSON lines: id, caption, number (of the caption, from 0), score. With --out
the JSON lines go to a file, and a summary is printed. --dropped lists the pairs that are not kept instead.`,
		Example: examples(
			"glimpse filter --model runs/clip --data ../shared/data/flickr8k --split train --keep 0.8 --out kept.jsonl",
			"glimpse filter --model runs/clip --data photos --above 0.25 --dropped --plot scores.png"),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "model", "data"); err != nil {
				return err
			}
			if cmd.Flags().Changed("keep") && cmd.Flags().Changed("above") {
				return usagef(cmd, "expected --keep or --above, found both")
			}
			if !(f.keep > 0 && f.keep <= 1) {
				return usagef(cmd, "expected --keep to be a share above 0 and at most 1, found %g", f.keep)
			}
			if !(f.above >= -1 && f.above <= 1) {
				return usagef(cmd, "expected --above to be a cosine from -1 to 1, found %g", f.above)
			}
			if ext := strings.ToLower(filepath.Ext(f.histogram)); f.histogram != "" && ext != ".png" && ext != ".svg" {
				return usagef(cmd, "expected --plot to end in .png or .svg, found %q", f.histogram)
			}
			return f.run(cmd)
		},
	}
	f.evaluation.add(cmd)
	cmd.Flags().Lookup("split").Usage = "`name` of the part of the data set (default: train if there is one, else test or val; \"\": the whole folder)"
	cmd.Flags().Lookup("json").Usage = "print JSON lines or, with --out, one JSON object"
	cmd.Flags().Float64Var(&f.keep, "keep", 1, "keep this `share` of the pairs, the best ones")
	cmd.Flags().Float64Var(&f.above, "above", -1, "keep the pairs with at least this `score`")
	cmd.Flags().BoolVar(&f.dropped, "dropped", false, "list the pairs that are not kept")
	cmd.Flags().StringVar(&f.out, "out", "", "`file` for the pairs, as JSON lines")
	cmd.Flags().StringVar(&f.histogram, "plot", "", "`file` (.png or .svg) for a histogram of all scores")
	return cmd
}

func (f *filtering) run(cmd *cobra.Command) error {
	for _, path := range []string{f.out, f.histogram} {
		if path == "" {
			continue
		}
		if err := checkOutput(path); err != nil {
			return err
		}
	}
	var err error
	if f.data.dir, err = namedFolder(f.data.dir); err != nil {
		return err
	}
	if splits, err := splitsIn(f.data.dir); err == nil && !cmd.Flags().Changed("split") && slices.Contains(splits, "train") {
		if err := cmd.Flags().Set("split", "train"); err != nil {
			return err
		}
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	_, embedded, what, err := f.embed(cmd, b, evaluate.Embed, hasTexts)
	if err != nil {
		return err
	}
	pairs := scorePairs(embedded)
	if len(pairs) == 0 {
		return fmt.Errorf("%s: expected pictures with texts, found texts only beside pictures that cannot be read; the first is %s", what.Data, embedded.Problems[0])
	}
	kept := f.kept(pairs)
	if f.histogram != "" {
		if err := drawScores(f.histogram, what.Data, pairs, kept); err != nil {
			return err
		}
	}
	listed := pairs[:kept]
	if f.dropped {
		listed = pairs[kept:]
	}
	summary := filtered{measured: what, Pairs: len(pairs), Kept: kept, Dropped: len(pairs) - kept, Mean: meanScore(pairs), Out: f.out, Problems: embedded.Problems}
	if kept > 0 {
		summary.Threshold = &pairs[kept-1].Score
	}
	if summary.Problems == nil {
		summary.Problems = []string{}
	}
	return f.print(cmd, summary, listed)
}

// hasTexts refuses data sets without any captions.
func hasTexts(set datasets.Dataset) error {
	for i := range set.Len() {
		if len(set.At(i).Captions) > 0 {
			return nil
		}
	}
	return fmt.Errorf("expected pictures with texts, found %d pictures without any", set.Len())
}

// scorePairs lists all pairs, the best first, of equal ones in the order of the data set.
func scorePairs(e *evaluate.Embedded) []scoredPair {
	pairs := make([]scoredPair, len(e.Captions))
	number, owner := 0, -1
	for i, caption := range e.Captions {
		if e.Owner[i] != owner {
			number, owner = 0, e.Owner[i]
		}
		score := 0.0
		for j, v := range e.Texts[i] {
			score += float64(v) * float64(e.Images[owner][j])
		}
		pairs[i] = scoredPair{e.Examples[owner].ID, caption, number, score}
		number++
	}
	slices.SortStableFunc(pairs, func(a, b scoredPair) int { return cmp.Compare(b.Score, a.Score) })
	return pairs
}

// kept is how many of the ranked pairs are kept.
func (f *filtering) kept(pairs []scoredPair) int {
	share := int(math.Round(f.keep * float64(len(pairs))))
	above := slices.IndexFunc(pairs, func(p scoredPair) bool { return !(p.Score >= f.above) })
	if above < 0 || f.above <= -1 { // -1 is no bound, also where rounding makes a cosine a little less
		above = len(pairs)
	}
	return min(share, above)
}

func meanScore(pairs []scoredPair) float64 {
	sum := 0.0
	for _, p := range pairs {
		sum += p.Score
	}
	return sum / float64(len(pairs))
}

func (f *filtering) print(cmd *cobra.Command, summary filtered, listed []scoredPair) error {
	w := cmd.OutOrStdout()
	if f.out == "" {
		if f.asJSON {
			lines, err := jsonLines(listed)
			if err == nil {
				_, err = w.Write(lines)
			}
			return err
		}
		return printTable(w, func(table io.Writer) {
			for _, p := range listed {
				fmt.Fprintf(table, "%.4f\t%s\t%s\n", p.Score, p.ID, p.Caption)
			}
		})
	}
	lines, err := jsonLines(listed)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(f.out, lines); err != nil {
		return err
	}
	if f.asJSON {
		return printJSON(w, summary)
	}
	least := "none"
	if summary.Threshold != nil {
		least = fmt.Sprintf("at least %.4f", *summary.Threshold)
	}
	_, err = fmt.Fprintf(w, "%s: %d of %d pairs kept (scores of %s), %d dropped; %d listed in %s\n",
		summary.Data, summary.Kept, summary.Pairs, least, summary.Dropped, len(listed), f.out)
	return err
}

func jsonLines(pairs []scoredPair) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	for _, p := range pairs {
		if err := encoder.Encode(p); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// histogramBins is how many bars the histogram of scores has.
const histogramBins = 24

// drawScores draws how many pairs have which score; the title says from which score on they are kept.
func drawScores(path, data string, pairs []scoredPair, kept int) error {
	low, high := pairs[len(pairs)-1].Score, pairs[0].Score
	width := (high - low) / histogramBins
	if width == 0 {
		width = 1
	}
	categories := make([]string, histogramBins)
	for i := range categories {
		categories[i] = fmt.Sprintf("%.3f", low+(float64(i)+0.5)*width)
	}
	counts := make([]float64, histogramBins)
	for _, p := range pairs {
		counts[min(int((p.Score-low)/width), histogramBins-1)]++
	}
	title := "Cosine of picture and text, " + data + ": none kept"
	if kept > 0 {
		title = fmt.Sprintf("Cosine of picture and text, %s: kept from %.3f on", data, pairs[kept-1].Score)
	}
	figure, err := plots.Bars(plots.BarsConfig{Title: title, XLabel: "cosine", YLabel: "pairs",
		Categories: categories, Series: []plots.BarSeries{{Name: "pairs", Values: counts}}})
	if err != nil {
		return err
	}
	return figure.Save(path)
}
