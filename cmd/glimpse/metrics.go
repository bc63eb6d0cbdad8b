package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

func metricsCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "metrics",
		Short: "The field's metrics on your own scores and captions, with no model at all",
		Long: `Metrics computes what the papers report from scores or captions of your own, whatever model gave them. Captions come
as JSON, everything else as a safetensors file with one case, or with several whose tensors are called case0.NAME,
case1.NAME and so on.

Ranks are 1-based, those of the best correct item, under three rules for equal scores:

  optimistic    1 + the wrong items with a larger score
  pessimistic   1 + the wrong items with a larger or equal score
  index         the place in a stable descending sort: of equal scores the lower index first (what eval uses)

at_k is the share of queries with a rank of at most k, mrr the mean of 1/rank.`,
		Example: examples(
			"glimpse metrics classification --input scores.safetensors",
			"glimpse metrics calibration --input probabilities.safetensors --bins 15 --json",
			"glimpse metrics captions --input captions.json --raw"),
	}, metricsClassificationCommand(), metricsRetrievalCommand(), metricsCalibrationCommand(), metricsCaptionsCommand())
}

// metricsInput is what the commands of metrics share.
type metricsInput struct {
	path   string
	asJSON bool
}

// command makes a command of metrics of what measures one case and prints it as lines of a table.
func (in *metricsInput) command(cmd *cobra.Command, tensors []string, measure func(*metricsCase) (metricsResult, error)) *cobra.Command {
	cmd.Args = wantArgs()
	cmd.Flags().StringVar(&in.path, "input", "", "safetensors `file` to read")
	cmd.Flags().BoolVar(&in.asJSON, "json", false, "print one JSON object with a list of cases")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := requireFlags(cmd, "input"); err != nil {
			return err
		}
		cases, err := openCases(in.path, tensors)
		if err != nil {
			return err
		}
		results := struct {
			Cases []metricsResult `json:"cases"`
		}{}
		for _, c := range cases {
			result, err := measure(c)
			if err != nil {
				return fmt.Errorf("%s%s: %w", in.path, c.title(": "), err)
			}
			results.Cases = append(results.Cases, result)
		}
		if in.asJSON {
			return printJSON(cmd.OutOrStdout(), results)
		}
		for i, c := range cases {
			if title := c.title(""); title != "" {
				fmt.Fprintln(cmd.OutOrStdout(), title)
			}
			if err := printTable(cmd.OutOrStdout(), results.Cases[i].print); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// metricsResult is the JSON of a case, which can print itself as a table.
type metricsResult interface{ print(table io.Writer) }

// metricsCase is one case of a file: the tensors whose names begin with its prefix.
type metricsCase struct {
	file   *safetensors.File
	path   string
	prefix string // "case0." or ""
}

// openCases finds the cases of a file, by the names of the tensors that every case has, in the order of their numbers.
func openCases(path string, tensors []string) ([]*metricsCase, error) {
	file, err := safetensors.Load(path)
	if err != nil {
		return nil, err
	}
	prefixes := map[string]bool{}
	for _, name := range file.Names() {
		for _, want := range tensors {
			if prefix, ok := strings.CutSuffix(name, want); ok && (prefix == "" || strings.HasSuffix(prefix, ".")) {
				prefixes[prefix] = true
			}
		}
	}
	if len(prefixes) == 0 {
		return nil, fmt.Errorf("%s: expected the tensors %s, or case0.%s and so on, found %d others: %q", path,
			strings.Join(tensors, " and "), tensors[0], len(file.Names()), file.Names()[:min(len(file.Names()), 12)])
	}
	var cases []*metricsCase
	for prefix := range prefixes {
		cases = append(cases, &metricsCase{file, path, prefix})
	}
	slices.SortFunc(cases, func(a, b *metricsCase) int {
		if x, y := a.number(), b.number(); x != y {
			return x - y
		}
		return strings.Compare(a.prefix, b.prefix)
	})
	return cases, nil
}

// number is the N of caseN, 0 for a file of one case, and beyond every number for another name.
func (c *metricsCase) number() int {
	if c.prefix == "" {
		return 0
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(strings.TrimSuffix(c.prefix, "."), "case")); err == nil && n >= 0 {
		return n
	}
	return math.MaxInt32
}

// id is what the JSON calls the case: its number, or its name when that is another.
func (c *metricsCase) id() any {
	if n := c.number(); n != math.MaxInt32 {
		return n
	}
	return strings.TrimSuffix(c.prefix, ".")
}

// title is the name of the case after a separator, "" when the file has but one.
func (c *metricsCase) title(separator string) string {
	if c.prefix == "" {
		return ""
	}
	return separator + strings.TrimSuffix(c.prefix, ".")
}

// matrix reads a tensor [rows, cols] of float32 numbers, none of them NaN and at least one.
func (c *metricsCase) matrix(name, rows, cols string) ([][]float32, error) {
	values, shape, err := c.file.Float32s(c.prefix + name)
	if err != nil {
		return nil, err
	}
	if len(shape) != 2 || len(values) == 0 {
		return nil, fmt.Errorf("expected %s to have the shape [%s, %s] with at least one of each, found %v", name, rows, cols, shape)
	}
	for i, v := range values {
		if v != v {
			return nil, fmt.Errorf("expected numbers in %s, found NaN in row %d, column %d", name, i/shape[1], i%shape[1])
		}
	}
	return slices.Collect(slices.Chunk(values, shape[1])), nil
}

// indices reads a tensor [n] of int32 numbers from 0 to below.
func (c *metricsCase) indices(name string, n, below int, what string) ([]int, error) {
	values, shape, err := c.file.Int32s(c.prefix + name)
	if err != nil {
		return nil, err
	}
	if len(shape) != 1 || shape[0] != n {
		return nil, fmt.Errorf("expected %s to have the shape [%d], one for each %s, found %v", name, n, what, shape)
	}
	out := make([]int, n)
	for i, v := range values {
		if v < 0 || int(v) >= below {
			return nil, fmt.Errorf("expected %s of 0 to %d, found %d for %s %d", name, below-1, v, what, i)
		}
		out[i] = int(v)
	}
	return out, nil
}

// tieRules are the three rules by the names they have in the JSON, in the order of the columns of its ranks.
var tieRules = []struct {
	name string
	rule clip.TieRule
}{{"optimistic", clip.Optimistic}, {"pessimistic", clip.Pessimistic}, {"index", clip.ByIndex}}

// byRule holds figures under the three rules: names such as at_1, mrr, median_rank.
type byRule map[string]map[string]float64

// rankings are the ranks [queries][3] of a case, in the order of tieRules, and what they come to.
func rankings(scores [][]float32, correct func(query, item int) bool, at []int) (ranks [][]int, summary byRule) {
	ranks, summary = make([][]int, len(scores)), byRule{}
	for _, r := range tieRules {
		column := clip.RanksBy(r.rule, scores, correct)
		for q, rank := range column {
			ranks[q] = append(ranks[q], rank)
		}
		figures := map[string]float64{"mrr": clip.MRR(column), "mean_rank": clip.MeanRank(column), "median_rank": clip.MedianRank(column)}
		for _, k := range at {
			figures[fmt.Sprintf("at_%d", k)] = clip.AtK(column, k).Value
		}
		summary[r.name] = figures
	}
	return ranks, summary
}

// print writes a line a figure with a column a rule.
func (s byRule) print(table io.Writer, title string) {
	fmt.Fprintf(table, "%s\toptimistic\tpessimistic\tindex\n", title)
	names := slices.SortedFunc(maps.Keys(s["index"]), func(a, b string) int {
		return compareNames(strings.Replace(a, "at_", "@", 1), strings.Replace(b, "at_", "@", 1))
	})
	for _, name := range names {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, number(s["optimistic"][name]), number(s["pessimistic"][name]), number(s["index"][name]))
	}
}

// hasTies says whether some row holds a score twice.
func hasTies(scores [][]float32) bool {
	for _, row := range scores {
		sorted := slices.Sorted(slices.Values(row))
		if len(slices.Compact(sorted)) < len(row) {
			return true
		}
	}
	return false
}
