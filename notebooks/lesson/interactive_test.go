package lesson

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"

	"github.com/glimpse-ml/glimpse/internal/browsertest"
	"github.com/glimpse-ml/glimpse/plots"
)

var (
	someScores = []float64{0.31, 0.28, 0.12}
	someLabels = []string{"a red circle", "</script> & \"quotes\"", "a dog"}
)

func someAttention() plots.AttentionConfig {
	picture := image.NewRGBA(image.Rect(0, 0, 48, 48))
	for y := range 48 {
		for x := range 48 {
			picture.Set(x, y, color.RGBA{R: uint8(5 * x), G: uint8(5 * y), B: 128, A: 255})
		}
	}
	return plots.AttentionConfig{Title: "a dog", Picture: picture, Words: []string{"a", "dog"}, Rows: 2, Cols: 2,
		Weights: [][]float64{{0.25, 0.25, 0.25, 0.25}, {0, 0, 0, 1}}}
}

// someFrames are two figures of curves.
func someFrames(t *testing.T) (frames []*plots.Figure) {
	t.Helper()
	for i := range 2 {
		figure, err := plots.Curves(plots.CurvesConfig{XLabel: "step", YLabel: "loss (nats)", Series: []plots.Series{{X: []float64{1, 2}, Y: []float64{3, float64(i)}}}})
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, figure)
	}
	return frames
}

// What stands there before a script has run, or where none runs, is right already.
func TestInteractiveFiguresWithoutScripts(t *testing.T) {
	content, err := temperatureSlider("Which?", someLabels, someScores, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	p := Softmax(someScores, 10)
	entropy := stat.Entropy(p)
	for i, want := range p {
		if !strings.Contains(content, fmt.Sprintf(`width:%.2f%%"></div></td><td class="p" style="text-align:right">%.3f</td>`, 100*want, want)) {
			t.Errorf("expected the probability %.3f of %q in %s", want, someLabels[i], content)
		}
	}
	if want := fmt.Sprintf("τ = 0.100, a factor of 10.0 on cosines; entropy %.3f nats", entropy); !strings.Contains(content, want) {
		t.Errorf("expected %q", want)
	}
	whole := interactive("x", content, "temperature", map[string]any{"scores": someScores, "labels": someLabels})
	if n := strings.Count(whole, "</script>"); n != 1 {
		t.Errorf("expected one end of a script, found %d", n)
	}
	if found := regexp.MustCompile(`(?i)(src|href)="(https?:)?//`).FindString(whole); found != "" {
		t.Errorf("the figure asks for something from elsewhere: %s", found)
	}
	_, dark, said := attendedWords(someAttention())
	if dark[1][3] != 0 || dark[1][0] != 0.8 || dark[0][0] != 0 {
		t.Errorf("places are dark by %v", dark)
	}
	if want := `"dog": looks at 1.0 of 4 places, most (1.000) at row 2, column 2`; said[1] != want {
		t.Errorf("said %q, expected %q", said[1], want)
	}
}

func TestInteractiveFiguresThatCannotBe(t *testing.T) {
	for want, make := range map[string]func() (string, error){
		"a label for each score, and one at least, found 1 and 3": func() (string, error) { return temperatureSlider("", someLabels[:1], someScores, 0.1) },
		"a temperature from 0.01 to 1, found 0":                   func() (string, error) { return temperatureSlider("", someLabels, someScores, 0) },
		"expected finite scores":                                  func() (string, error) { return temperatureSlider("", someLabels, []float64{0, 0, math.NaN()}, 0.1) },
		"expected two values or more, found 1":                    func() (string, error) { return slider("step", []string{"1"}, nil) },
		"expected a figure made by":                               func() (string, error) { return slider("step", []string{"1", "2"}, []*plots.Figure{nil, nil}) },
	} {
		if _, err := make(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("expected one line with %q, got %v", want, err)
		}
	}
}

// In a browser the sliders move bars and figures, and the words the light, to what Go computes.
func TestInteractiveFiguresInABrowser(t *testing.T) {
	browsertest.Find(t)
	temperature, err := temperatureSlider("Which text?", someLabels, someScores, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := slider("step", []string{"step 1", "step 2"}, someFrames(t))
	if err != nil {
		t.Fatal(err)
	}
	words, dark, said := attendedWords(someAttention())
	page := filepath.Join(t.TempDir(), "page.html")
	text := `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>figures</title><body>` +
		interactive("temperature", temperature, "temperature", map[string]any{"scores": someScores}) +
		interactive("frames", frames, "frames", map[string]any{"values": []string{"step 1", "step 2"}}) +
		interactive("words", words, "words", map[string]any{"dark": dark, "said": said})
	if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p := browsertest.Open(t, "file://"+page)
	move := func(id, value string) {
		p.Evaluate(fmt.Sprintf(`(() => { const s = document.querySelector("#%s input"); s.value = "%s"; s.dispatchEvent(new Event("input")); })()`, id, value), nil)
	}
	for _, at := range []float64{-2, -1.15, 0} {
		move("temperature", fmt.Sprint(at))
		var shown struct {
			P      []string
			Widths []string
			Said   string
		}
		p.Evaluate(`({P: [...document.querySelectorAll("#temperature .p")].map(e => e.textContent), Widths: [...document.querySelectorAll("#temperature .bar")].map(e => e.style.width),
			Said: document.querySelector("#temperature output").textContent})`, &shown)
		tau := math.Pow(10, at)
		want := Softmax(someScores, 1/tau)
		entropy := stat.Entropy(want)
		for i, x := range want {
			if shown.P[i] != fmt.Sprintf("%.3f", x) {
				t.Errorf("τ = %.3f: the probability of %q is shown as %s, expected %.3f", tau, someLabels[i], shown.P[i], x)
			}
			if !strings.HasSuffix(shown.Widths[i], "%") || math.Abs(number(t, strings.TrimSuffix(shown.Widths[i], "%"))-100*x) > 0.01 {
				t.Errorf("τ = %.3f: the bar of %q is %s wide, expected %.2f%%", tau, someLabels[i], shown.Widths[i], 100*x)
			}
		}
		wanted := fmt.Sprintf("τ = %.3f, a factor of %.1f on cosines; entropy %.3f nats, as undecided as between %.2f equal answers", tau, 1/tau, entropy, math.Exp(entropy))
		if shown.Said != wanted {
			t.Errorf("it says %q, expected %q", shown.Said, wanted)
		}
	}
	move("frames", "1")
	p.WaitFor(`[...document.querySelectorAll("#frames .frame")].map(e => getComputedStyle(e).display).join() === "none,block"`, 5*time.Minute)
	p.WaitFor(`document.querySelector("#frames output").textContent === "step 2" && document.querySelectorAll("#frames .frame")[1].naturalWidth > 0`, 5*time.Minute)
	p.Click("#words button:nth-child(2)")
	p.WaitFor(`document.querySelector("#words output").textContent.startsWith('"dog": looks at 1.0 of 4 places')`, 5*time.Minute)
	p.WaitFor(`[...document.querySelectorAll("#words rect")].map(e => e.getAttribute("fill-opacity")).join() === "0.8,0.8,0.8,0"`, 5*time.Minute)
	p.WaitFor(`[...document.querySelectorAll("#words button")].map(e => e.getAttribute("aria-pressed")).join() === "false,true"`, 5*time.Minute)
	p.WaitFor(`[...document.querySelectorAll("input, button")].every(e => (e.labels && e.labels.length > 0) || e.textContent)`, 5*time.Minute)
	if dir := os.Getenv("GLIMPSE_SCREENSHOTS"); dir != "" { // to be looked at
		if err := os.WriteFile(filepath.Join(dir, "interactive.png"), p.Screenshot(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func number(t *testing.T, text string) float64 {
	t.Helper()
	var x float64
	if _, err := fmt.Sscan(text, &x); err != nil {
		t.Fatal(err)
	}
	return x
}
