package runpage

import (
	_ "embed"
	"fmt"
	"html/template"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/history"
	"github.com/glimpse-ml/glimpse/plots"
)

//go:embed comparison.html
var comparisonText string

// comparisonPage is what comparison.html shows.
type comparisonPage struct {
	Style    template.CSS
	Problems []string
	Names    []string // of the runs
	*history.Comparison
	Curves []curve
	Bands  bool
}

// WriteComparison writes several runs side by side into a page (out ends in .html), or the curves of one of their metrics into a
// picture (.svg, .png). names are the metrics of metrics.jsonl to draw; without any they are all of them for a page and the loss
// for a picture.
func WriteComparison(runs []*experiments.Run, out string, names []string) error {
	ending := strings.ToLower(filepath.Ext(out))
	if !slices.Contains([]string{".html", ".svg", ".png"}, ending) {
		return fmt.Errorf("expected a file that ends in .html, .svg or .png for the comparison, found %s", out)
	}
	curves, known, problems := curvesOf(runs)
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("expected one of the recorded metrics %s, found %s", strings.Join(known, ", "), name)
		}
	}
	groups := history.Groups(runs)
	if ending != ".html" {
		return drawOne(curves, groups, names, out)
	}
	if len(names) == 0 {
		names = known
	}
	c, damage := history.Compare(runs)
	p := &comparisonPage{Style: template.CSS(style), Names: history.Names(runs), Comparison: c}
	for _, problem := range append(problems, damage...) {
		p.Problems = append(p.Problems, problem.Error())
	}
	if err := p.draw(curves, groups, names); err != nil {
		return err
	}
	return execute(comparisonText, out, p)
}

// curvesOf gathers the curves of each run, and the names of all.
func curvesOf(runs []*experiments.Run) (curves [][]history.Curve, names []string, problems []error) {
	for _, run := range runs {
		lines, err := history.Recorded(run)
		if err != nil {
			problems = append(problems, err)
		}
		found := history.Curves(lines)
		curves = append(curves, found)
		for _, c := range found {
			if !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return curves, names, problems
}

func drawOne(curves [][]history.Curve, groups []history.Group, names []string, out string) error {
	if len(names) > 1 {
		return fmt.Errorf("expected one metric for a picture, found %d; a file that ends in .html shows several", len(names))
	}
	name := "loss"
	if len(names) == 1 {
		name = names[0]
	}
	figure, err := history.Overlay(curves, groups, name)
	if err != nil {
		return err
	}
	if figure == nil {
		return fmt.Errorf("expected a run with recorded steps of %s, found none", name)
	}
	return figure.Save(out)
}

// overlayWidth is that of a figure with the curves of all runs.
const overlayWidth = 520 * 3 / 4 * vg.Length(1)

func (p *comparisonPage) draw(curves [][]history.Curve, groups []history.Group, names []string) error {
	p.Bands = slices.ContainsFunc(groups, func(g history.Group) bool { return len(g.Runs) > 1 })
	for _, name := range names {
		figure, err := history.Overlay(curves, groups, name)
		if err != nil {
			return err
		}
		if figure == nil { // no step that all seeds of a group have recorded
			continue
		}
		uri, err := plots.SVGDataURI(figure, overlayWidth)
		if err != nil {
			return err
		}
		p.Curves = append(p.Curves, curve{Name: name, Picture: uri})
	}
	return nil
}
