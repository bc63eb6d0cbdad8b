package sweep

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// PageFile is the page about a sweep, in its folder.
const PageFile = "sweep.html"

//go:embed page.html
var pageText string

// page is what page.html shows.
type page struct {
	*Summary
	Spec    Spec
	Keys    []string // of the columns
	Figures []template.HTML
}

// WritePage writes sweep.html: one file that needs nothing beside it.
func (s *Sweep) WritePage(sum *Summary) (path string, err error) {
	p := page{Summary: sum, Spec: s.Spec, Keys: s.Spec.Keys()}
	draw := []func(*Summary) ([]*plots.Figure, error){s.drawBest, s.drawSlices, s.drawCurves}
	for _, d := range draw {
		figures, err := d(sum)
		if err != nil {
			return "", err
		}
		for _, f := range figures {
			html, err := f.HTML()
			if err != nil {
				return "", err
			}
			p.Figures = append(p.Figures, html)
		}
	}
	text, err := template.New("sweep").Funcs(template.FuncMap{
		"figure":   func(v float64) string { return fmt.Sprintf("%.5g", v) },
		"interval": Interval,
		"join":     func(list []string) string { return strings.Join(list, ", ") },
	}).Parse(pageText)
	if err != nil {
		return "", err
	}
	path = filepath.Join(s.Dir, PageFile)
	return path, atomicfile.Write(path, func(w io.Writer) error { return text.Execute(w, p) })
}

// Keys are the settings in which trials differ, the budget of successive halving last.
func (s *Spec) Keys() []string {
	var keys []string
	for _, d := range s.Over {
		keys = append(keys, d.Key)
	}
	if s.Budget != "" {
		keys = append(keys, s.Budget)
	}
	return keys
}

// Interval is a mean's interval in words; one value has none.
func Interval(m *stats.Mean) string {
	if m == nil || m.N < 2 {
		return "–"
	}
	return fmt.Sprintf("%.5g to %.5g", m.Low, m.High)
}
