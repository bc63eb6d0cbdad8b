package lesson

import (
	"fmt"
	"html"
	"image"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"

	"github.com/glimpse-ml/glimpse/internal/stats"
	"github.com/glimpse-ml/glimpse/plots"
)

// ShowPictures puts pictures beside each other below the cell, each 150 pixels wide with its title below it.
func ShowPictures(pictures []image.Image, titles []string) {
	var page strings.Builder
	for i, picture := range pictures {
		title := html.EscapeString(titles[i])
		fmt.Fprintf(&page, `<figure style="display:inline-block;vertical-align:top;margin:4px;width:150px">`+
			`<img src="%s" width="150" alt="%s"><figcaption style="line-height:1.3">%s</figcaption></figure>`,
			Try(gonbui.EmbedImageAsPNGSrc(picture)), title, title)
	}
	gonbui.DisplayHTML(page.String())
	gonbui.Sync()
}

// Table prints the bars of a figure as numbers: a row for each category, a column for each series. A series with fewer
// values leaves the last rows empty.
func Table(categories []string, columns []plots.BarSeries) {
	width := 0
	for _, category := range categories {
		width = max(width, len([]rune(category)))
	}
	line := func(name string, cell func(column plots.BarSeries) string) {
		text := fmt.Sprintf("%-*s", width, name)
		for _, column := range columns {
			text += fmt.Sprintf("  %*s", max(len([]rune(column.Name)), 6), cell(column))
		}
		fmt.Println(strings.TrimRight(text, " "))
	}
	line("", func(column plots.BarSeries) string { return column.Name })
	for i, category := range categories {
		line(category, func(column plots.BarSeries) string {
			if i >= len(column.Values) {
				return ""
			}
			return fmt.Sprintf("%.3f", column.Values[i])
		})
	}
}

// Shares collects shares of pictures for a figure of bars with their intervals.
type Shares struct {
	Names []string
	Bars  plots.BarSeries
}

// Add prints a share with its interval and adds it to the bars.
func (s *Shares) Add(name string, share stats.Proportion) {
	fmt.Printf("%-30s %.3f, 95%% interval %.3f to %.3f\n", strings.TrimSpace(s.Bars.Name+" "+name), share.Value, share.Low, share.High)
	s.Names, s.Bars.Values = append(s.Names, name), append(s.Bars.Values, share.Value)
	s.Bars.Low, s.Bars.High = append(s.Bars.Low, share.Low), append(s.Bars.High, share.High)
}
