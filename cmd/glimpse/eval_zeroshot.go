package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"gonum.org/v1/plot/vg"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// zeroShotReport is what `glimpse eval zeroshot --json` prints.
type zeroShotReport struct {
	measured
	Attribute string `json:"attribute"` // whose values are the classes; "" for labels
	*evaluate.ZeroShot
	N        int      `json:"n"`
	Problems []string `json:"problems"` // pictures that could not be read
}

// zeroShotCall is what `glimpse eval zeroshot` is asked to do.
type zeroShotCall struct {
	evaluation
	classes   classChoice
	prompts   prompts
	names     string
	confusion string
}

func evalZeroShotCommand() *cobra.Command {
	var z zeroShotCall
	cmd := &cobra.Command{
		Use:   "zeroshot --model DIR --data NAME_OR_DIR",
		Short: "Classify pictures by the names of the classes alone",
		Long: `Zeroshot classifies pictures with a CLIP by the names of the classes alone (Radford et al. 2021, section 3.1). The
classes are the labels of the pictures (the names of their folders) or, with --attribute or where there are no labels,
the values of an attribute; of the data set fashion-products those with 20 or more pictures, unless --least says
otherwise. Every name is put into every template; the mean of these texts stands for the class. Without --template and
--templates these are the project's own list, or that for product titles with articleType; prompts of the list that are
too long for the model are left out. The JSON says which were used.

  top1, top5        share of pictures whose class is the likeliest one, or among the five likeliest
  mean_per_class    mean of the classes' accuracies, each class counting the same
  chance, majority  one over the number of classes, and the share of the commonest class
  ece, mce          how far confidence and accuracy are apart, on average over ten bins and at most
  brier, nll        Brier score (0 to 2) and negative log-likelihood in nats; both want honest probabilities
  (` + "`glimpse metrics calibration --help`" + ` has the definitions; the probabilities have the model's own temperature)

--confusion draws which classes are taken for which, as a heat map: row by row the shares of what is predicted; of more
than 80 classes those with the most mistakes. The counts are in the JSON as confusion. --names takes a JSON object from
a class to its name or names in a prompt, such as {"n02113799": "poodle", "Tshirts": ["T-shirt", "tee"]}; classes that
it does not name keep their own.`,
		Example: examples(
			"glimpse eval zeroshot --model runs/clip --data cifar10 --confusion confusion.png",
			"glimpse eval zeroshot --model runs/clip --data products --attribute baseColour --least 20 --json",
			"glimpse eval zeroshot --model clip-vit-base-patch32 --data pets --templates prompts.txt --names pets.json"),
		Args: wantArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := requireFlags(cmd, "model", "data"); err != nil {
				return err
			}
			if err := z.classes.check(cmd); err != nil {
				return err
			}
			return z.run(cmd)
		},
	}
	z.add(cmd)
	z.classes.add(cmd)
	z.prompts.add(cmd, "class")
	cmd.Flags().StringVar(&z.names, "names", "", "JSON `file` of the names of classes")
	cmd.Flags().StringVar(&z.confusion, "confusion", "", "draw the confusion matrix into a `file` (.png or .svg)")
	return cmd
}

func (z *zeroShotCall) run(cmd *cobra.Command) error {
	templates, err := z.prompts.read(cmd)
	if err != nil {
		return err
	}
	var names map[string][]string
	if z.names != "" {
		if names, err = readNames(z.names); err != nil {
			return err
		}
	}
	if z.confusion != "" {
		if err := checkFigure(cmd, "confusion", z.confusion); err != nil {
			return err
		}
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	defer b.Finalize()
	m, embedded, what, err := z.embed(cmd, b, evaluate.EmbedImages, func(set datasets.Dataset) error {
		return z.classes.choose(cmd, set, z.data.dir)
	})
	if err != nil {
		return err
	}
	if len(templates) == 0 && z.classes.attribute == productAttribute {
		templates = evaluate.ProductTemplates()
	}
	found, err := embedded.Classify(b.Backend, m, evaluate.ByAttribute(z.classes.attribute), classNames(names), templates, z.classes.least)
	if err != nil {
		return fmt.Errorf("%s: %w", what.Data, err)
	}
	warnUnused(cmd, z.names, names, found.Classes)
	if err := z.print(cmd.OutOrStdout(), zeroShotReport{what, z.classes.attribute, found, found.Top1.N, append([]string{}, embedded.Problems...)}); err != nil {
		return err
	}
	return drawConfusion(z.confusion, "Zero-shot on "+what.Data, found.Classes, found.Confusion)
}

func (z *zeroShotCall) print(w io.Writer, r zeroShotReport) error {
	if z.asJSON {
		return printJSON(w, r)
	}
	fmt.Fprintf(w, "zero-shot on %s, %d classes by %s, %d pictures (%d left out)\n\n", r.Data, len(r.Classes), z.classes.by(), r.N, r.LeftOut)
	return printZeroShot(w, r.ZeroShot)
}

func printZeroShot(w io.Writer, found *evaluate.ZeroShot) error {
	shares := map[string]stats.Proportion{"top1": found.Top1}
	if len(found.Classes) > 5 {
		shares["top5"] = found.Top5
	}
	c := found.Calibration
	return printMetrics(w, metricsOf(shares,
		map[string]stats.Mean{"mean_per_class": found.MeanPerClass, "ece": c.ECE, "mce": c.MCE, "brier": c.Brier, "nll": c.NLL},
		map[string]float64{"chance": found.Chance, "majority": found.Majority, "scale": c.Scale}))
}

// warnUnused names classes of the file of names that the data has none of: a misspelt one would go unnoticed.
func warnUnused(cmd *cobra.Command, file string, names map[string][]string, classes []string) {
	var unused []string
	for _, class := range slices.Sorted(maps.Keys(names)) {
		if !slices.Contains(classes, class) {
			unused = append(unused, strconv.Quote(class))
		}
	}
	if n := len(unused); n > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: %s names %d classes that were not measured: %s\n", file, n, strings.Join(unused[:min(n, 5)], ", "))
	}
}

// checkFigure finds out whether a figure can be written before work is spent on it.
func checkFigure(cmd *cobra.Command, flag, path string) error {
	if lower := strings.ToLower(path); !strings.HasSuffix(lower, ".png") && !strings.HasSuffix(lower, ".svg") {
		return usagef(cmd, "expected --%s to end in .png or .svg, found %q", flag, path)
	}
	return checkOutput(path)
}

// drawnClasses is how many classes a figure has rows for that can be read.
const drawnClasses = 80

// drawConfusion draws the rows of a confusion matrix as shares, into no file when path is empty. The more classes there are, the
// wider is the figure; of too many it shows those with the most mistakes.
func drawConfusion(path, title string, classes []string, confusion [][]int) error {
	if path == "" {
		return nil
	}
	shown := mostConfused(confusion, drawnClasses)
	if len(shown) < len(classes) {
		title += fmt.Sprintf(": the %d of %d classes with the most mistakes", len(shown), len(classes))
	}
	figure, err := confusionFigure(title, classes, confusion, shown)
	if err != nil {
		return err
	}
	return figure.Save(path, confusionWidth(len(shown)))
}

// mostConfused are, in their order, the at most n classes whose pictures are most often taken for another class's, or another's
// for theirs.
func mostConfused(confusion [][]int, n int) []int {
	mistakes := make([]int, len(confusion))
	order := make([]int, len(confusion))
	for i, counts := range confusion {
		order[i] = i
		for j, count := range counts {
			if i != j {
				mistakes[i] += count
				mistakes[j] += count
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(mistakes[b], mistakes[a]) })
	return slices.Sorted(slices.Values(order[:min(n, len(order))]))
}

// confusionFigure has a row and a column for each of the shown classes; shares are of all pictures of a row's class.
func confusionFigure(title string, classes []string, confusion [][]int, shown []int) (*plots.Figure, error) {
	values := make([][]float64, len(shown))
	rows, columns := make([]string, len(shown)), make([]string, len(shown))
	for r, i := range shown {
		n := 0
		for _, count := range confusion[i] {
			n += count
		}
		rows[r], columns[r] = fmt.Sprintf("%s (%d)", classes[i], n), classes[i]
		values[r] = make([]float64, len(shown))
		for c, j := range shown {
			values[r][c] = math.Round(100 * float64(confusion[i][j]) / float64(max(n, 1)))
		}
	}
	return plots.Heatmap(plots.HeatmapConfig{Title: title, XLabel: "predicted class", YLabel: "class of the picture (pictures)",
		Matrices:   []plots.Matrix{{Values: values, RowLabels: rows, ColLabels: columns}},
		ValueLabel: "% of the row", Min: 0, Max: 100, ShowValues: true, LabelEveryRow: true, HighlightDiagonal: true})
}

// confusionWidth is wide enough for the cells, a quarter of the width for the names of the rows, and the colour bar.
func confusionWidth(classes int) vg.Length {
	n := vg.Length(classes)
	return max(min(plots.DefaultWidth, 250+56*n), (10.5*n+100)/0.76)
}
