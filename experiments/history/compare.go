package history

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/experiments"
)

// Comparison holds several runs side by side: each list has one value a run.
type Comparison struct {
	Runs     []string                      `json:"runs"`
	States   []State                       `json:"states"`
	Complete []bool                        `json:"complete"`
	Settings map[string][]*json.RawMessage `json:"settings"` // those that differ; null where a run has none
	Metrics  map[string][]*float64         `json:"metrics"`  // null where a run has none
	Seeds    []OverSeeds                   `json:"seeds"`    // runs that differ in their seed alone, taken together

	Entries []Entry `json:"-"`
}

// Compare puts runs side by side. The problems are sentences on files that are damaged and were left out.
func Compare(runs []*experiments.Run) (*Comparison, []error) {
	c := &Comparison{Settings: map[string][]*json.RawMessage{}, Metrics: map[string][]*float64{}}
	differing := Differing(runs)
	var problems []error
	for i, run := range runs {
		e, damage := Read(run)
		problems = append(problems, damage...)
		c.Entries = append(c.Entries, e)
		c.Runs, c.States, c.Complete = append(c.Runs, run.Dir), append(c.States, e.State), append(c.Complete, e.Complete)
		settings := Settings(run)
		for _, key := range differing {
			if value, ok := settings[key]; ok {
				raw := json.RawMessage(value)
				put(c.Settings, key, i, len(runs), &raw)
			}
		}
		for name, value := range e.Metrics {
			put(c.Metrics, name, i, len(runs), &value)
		}
	}
	c.Seeds = takeTogether(c.Entries, Groups(runs))
	return c, problems
}

// put sets the value of run i of n.
func put[T any](table map[string][]*T, key string, i, n int, value *T) {
	if table[key] == nil {
		table[key] = make([]*T, n)
	}
	table[key][i] = value
}

// Row is a line of a table: a cell for each run.
type Row struct {
	Name  string
	Cells []string
}

// SettingRows are the settings that differ, in the order of names.
func (c *Comparison) SettingRows() []Row {
	var rows []Row
	for _, key := range slices.Sorted(maps.Keys(c.Settings)) {
		row := Row{Name: key}
		for _, value := range c.Settings[key] {
			text := "-"
			if value != nil {
				text = Short(string(*value))
			}
			if key == "commit" {
				text = experiments.ShortCommit(strings.Trim(text, `"`))
			}
			row.Cells = append(row.Cells, text)
		}
		rows = append(rows, row)
	}
	return rows
}

// MetricRows are the results with their intervals, in the order of names.
func (c *Comparison) MetricRows() []Row {
	figures := make([]map[string]Figure, len(c.Entries))
	names := map[string]bool{}
	for i, e := range c.Entries {
		figures[i] = map[string]Figure{}
		for _, f := range Figures(e.Metrics) {
			figures[i][f.Name], names[f.Name] = f, true
		}
	}
	var rows []Row
	for _, name := range slices.SortedFunc(maps.Keys(names), CompareNames) {
		row := Row{Name: name}
		for i, e := range c.Entries {
			f, ok := figures[i][name]
			switch {
			case ok:
				row.Cells = append(row.Cells, f.String())
			case !e.Complete:
				row.Cells = append(row.Cells, "not complete")
			default:
				row.Cells = append(row.Cells, "-")
			}
		}
		rows = append(rows, row)
	}
	return rows
}
