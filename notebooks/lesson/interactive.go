package lesson

import (
	"embed"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"
	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/glimpse-ml/glimpse/plots"
)

// Interactive figures are pieces of HTML that hold all they need, script and data, and ask for nothing from anywhere: they work in a
// notebook, and in a page that was made of one. Where scripts do not run they stay as they were drawn first.

//go:embed interactive/*.js
var scripts embed.FS

// showInteractive puts a figure with its script below the cell.
func showInteractive(content, script string, data any) {
	gonbui.DisplayHTML(interactive("glimpse-"+gonbui.UniqueId(), content, script, data))
	gonbui.Sync()
}

// interactive is the HTML of a figure. The script is a function of the element with that id and of the data; some pages run it
// before the element is there.
func interactive(id, content, script string, data any) string {
	function := Try(scripts.ReadFile("interactive/" + script + ".js"))
	values := Try(json.Marshal(data)) // writes < as \u003c: no text can end the script
	return fmt.Sprintf(`<div id="%s" style="background:#ffffff;color:#222222;max-width:800px;padding:8px;font-family:sans-serif;line-height:1.4">%s</div>
<script>
(function start(tries) {
  var root = document.getElementById("%s");
  if (root) { %s(root, %s); }
  else if (tries > 0) { setTimeout(function () { start(tries - 1); }, 100); }
})(50);
</script>`, id, content, id, strings.TrimSpace(string(function)), values)
}

// The ends of a temperature slider, as powers of ten: CLIP begins at 0.07 and is kept at 0.01 or above.
const (
	coldest = -2.0
	hottest = 0.0
)

// TemperatureSlider puts bars below the cell: the softmax of scores, such as the cosines of one picture and some texts, divided by a
// temperature that the reader chooses between 0.01 and 1. They are computed as the slider moves. tau is where it stands first.
//
//	lesson.TemperatureSlider("Which text?", texts, cosines, 0.07)
func TemperatureSlider(title string, labels []string, scores []float64, tau float64) {
	content, err := temperatureSlider(title, labels, scores, tau)
	Check(err)
	showInteractive(content, "temperature", map[string]any{"scores": scores})
}

func temperatureSlider(title string, labels []string, scores []float64, tau float64) (string, error) {
	if len(labels) == 0 || len(labels) != len(scores) {
		return "", fmt.Errorf("temperature slider: expected a label for each score, and one at least, found %d and %d", len(labels), len(scores))
	}
	if at := math.Log10(tau); !(at >= coldest && at <= hottest) {
		return "", fmt.Errorf("temperature slider: expected a temperature from 0.01 to 1, found %g", tau)
	}
	if floats.HasNaN(scores) || math.IsInf(floats.Norm(scores, 1), 0) {
		return "", fmt.Errorf("temperature slider: expected finite scores, found %v", scores)
	}
	p := Softmax(scores, 1/tau)
	entropy := math.Abs(stat.Entropy(p))
	var page strings.Builder
	fmt.Fprintf(&page, `<strong>%s</strong><div><label>temperature τ <input type="range" min="%g" max="%g" step="0.01" value="%.2f" `+
		`aria-valuetext="temperature %.3f" style="width:50%%;vertical-align:middle"></label></div>`, html.EscapeString(title), coldest, hottest, math.Log10(tau), tau)
	fmt.Fprintf(&page, `<div><output aria-live="polite">τ = %.3f, a factor of %.1f on cosines; entropy %.3f nats, as undecided as between %.2f equal answers</output></div>`,
		tau, 1/tau, entropy, math.Exp(entropy))
	page.WriteString(`<table style="width:100%;border-collapse:collapse;color:#222222"><thead><tr><th style="text-align:left">text</th>` +
		`<th style="text-align:right;padding-right:12px">score</th><th style="text-align:left;width:55%">probability</th><th></th></tr></thead><tbody>`)
	for i, label := range labels {
		fmt.Fprintf(&page, `<tr style="background:#ffffff"><td style="text-align:left">%s</td><td style="text-align:right;padding-right:12px">%.3f</td>`+
			`<td><div class="bar" style="height:14px;background:#0072b2;width:%.2f%%"></div></td><td class="p" style="text-align:right">%.3f</td></tr>`,
			html.EscapeString(label), scores[i], 100*p[i], p[i])
	}
	page.WriteString("</tbody></table>")
	return page.String(), nil
}

// Slider puts figures below the cell of which one is seen, the one that the reader has chosen with a slider: a heat map for each step of
// a training, a curve for each prompt. values say what each figure is for, as "step 100"; draw makes the figure of number i.
func Slider(name string, values []string, draw func(i int) (*plots.Figure, error)) {
	var frames []*plots.Figure
	for i := range values {
		frames = append(frames, Try(draw(i)))
	}
	content, err := slider(name, values, frames)
	Check(err)
	showInteractive(content, "frames", map[string]any{"values": values})
}

func slider(name string, values []string, frames []*plots.Figure) (string, error) {
	if len(values) < 2 {
		return "", fmt.Errorf("slider %q: expected two values or more, found %d", name, len(values))
	}
	var page strings.Builder
	fmt.Fprintf(&page, `<div><label>%s <input type="range" min="0" max="%d" step="1" value="0" aria-valuetext="%s" style="width:50%%;vertical-align:middle"></label> `+
		`<output aria-live="polite">%s</output></div>`, html.EscapeString(name), len(values)-1, html.EscapeString(values[0]), html.EscapeString(values[0]))
	for i, frame := range frames {
		source, err := plots.SVGDataURI(frame)
		if err != nil {
			return "", fmt.Errorf("slider %q, %s: %w", name, values[i], err)
		}
		display := "none"
		if i == 0 {
			display = "block"
		}
		fmt.Fprintf(&page, `<img class="frame" src="%s" alt="%s: %s" style="width:100%%;display:%s">`, source, html.EscapeString(name), html.EscapeString(values[i]), display)
	}
	return page.String(), nil
}

// AttendedWords puts a picture below the cell with the words of its caption: it is bright where the model looked for the word that the
// reader points at, clicks, or reaches with the tabulator. It takes what [plots.AttentionStrip] takes.
func AttendedWords(cfg plots.AttentionConfig) {
	_, err := plots.AttentionStrip(cfg) // which says what is wrong with it
	Check(err)
	content, dark, said := attendedWords(cfg)
	showInteractive(content, "words", map[string]any{"dark": dark, "said": said})
}

// attendedWords returns also how dark each place is for each word, and what is said of the word.
func attendedWords(cfg plots.AttentionConfig) (content string, dark [][]float64, said []string) {
	for i, alpha := range cfg.Weights {
		row, total, best := make([]float64, len(alpha)), floats.Sum(alpha), floats.MaxIdx(alpha)
		share := make([]float64, len(alpha))
		for k, weight := range alpha {
			row[k] = math.Round(1000*0.8*(1-weight/max(alpha[best], math.SmallestNonzeroFloat64))) / 1000
			share[k] = weight / max(total, math.SmallestNonzeroFloat64)
		}
		dark = append(dark, row)
		said = append(said, fmt.Sprintf("%q: looks at %.1f of %d places, most (%.3f) at row %d, column %d",
			cfg.Words[i], PlacesLookedAt(share), len(alpha), share[best], best/cfg.Cols+1, best%cfg.Cols+1))
	}
	var page strings.Builder
	fmt.Fprintf(&page, `<strong>%s</strong><div role="group" aria-label="words of the caption" style="margin:4px 0">`, html.EscapeString(cfg.Title))
	for i, word := range cfg.Words {
		pressed, colours := "false", "background:#eeeeee;color:#222222"
		if i == 0 {
			pressed, colours = "true", "background:#0072b2;color:#ffffff"
		}
		fmt.Fprintf(&page, `<button type="button" aria-pressed="%s" style="%s;border:1px solid #555555;border-radius:3px;margin:2px;padding:2px 6px;font-size:14px">%s</button>`,
			pressed, colours, html.EscapeString(word))
	}
	size := cfg.Picture.Bounds().Size()
	width := 320
	fmt.Fprintf(&page, `</div><svg width="%d" height="%d" viewBox="0 0 %d %d" preserveAspectRatio="none" shape-rendering="crispEdges" role="img" `+
		`aria-label="the picture, bright where the model looks"><image href="%s" x="0" y="0" width="%d" height="%d" preserveAspectRatio="none" style="image-rendering:pixelated"/>`,
		width, width*size.Y/size.X, cfg.Cols, cfg.Rows, Try(gonbui.EmbedImageAsPNGSrc(cfg.Picture)), cfg.Cols, cfg.Rows)
	for k, opacity := range dark[0] {
		fmt.Fprintf(&page, `<rect x="%d" y="%d" width="1" height="1" fill="#000000" fill-opacity="%g"/>`, k%cfg.Cols, k/cfg.Cols, opacity)
	}
	fmt.Fprintf(&page, `</svg><div><output aria-live="polite">%s</output></div>`, html.EscapeString(said[0]))
	return page.String(), dark, said
}
