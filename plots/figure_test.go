package plots

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"image"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gonum.org/v1/plot/vg"
)

const hostile = "<script>&\"' \x00\x1b[31m \xff\xfe é 猫 👨‍👩‍👧 e\u0301 \u202e end"

// figures returns one of each kind, with texts that a careless writer stumbles over.
func figures(t *testing.T) map[string]*Figure {
	t.Helper()
	all := map[string]*Figure{}
	add := func(name string, f *Figure, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		all[name] = f
	}
	f, err := Curves(CurvesConfig{Title: hostile, XLabel: hostile, YLabel: hostile,
		Series:     []Series{{Name: hostile, X: []float64{1, 2, 3}, Y: []float64{4.85, 2, 1.2}}},
		References: []ReferenceLine{{hostile, 4.16}}})
	add("curves", f, err)
	f, err = Heatmap(HeatmapConfig{Title: hostile, XLabel: hostile, ValueLabel: hostile, ShowValues: true,
		HighlightDiagonal: true, Matrices: []Matrix{{Title: hostile, Values: [][]float64{{1, 0.5}, {-1, 0}},
			RowLabels: []string{hostile, ""}, ColLabels: []string{hostile, "b"}}}})
	add("heat map", f, err)
	f, err = AttentionStrip(AttentionConfig{Title: hostile, Picture: testPicture(20, 10), Words: []string{hostile, ""},
		Weights: [][]float64{{0.1, 0.9}, {0, 0}}, Rows: 1, Cols: 2})
	add("attention", f, err)
	f, err = Scatter(ScatterConfig{Title: hostile, XLabel: hostile,
		Groups: []PointGroup{{Name: hostile, X: []float64{1, 2}, Y: []float64{3, 4}, Labels: []string{hostile, ""}}}})
	add("scatter", f, err)
	f, err = Bars(BarsConfig{Title: hostile, YLabel: hostile, Categories: []string{hostile, "b"},
		Series: []BarSeries{{Name: hostile, Values: []float64{1, 2}}}, Chance: []float64{0.1, 0.2}, ChanceLabel: hostile})
	add("bars", f, err)
	return all
}

func TestSameFigureSameBytes(t *testing.T) {
	for name, f := range figures(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want, wantSVG bytes.Buffer
			if err := errors.Join(f.PNG(&want), f.SVG(&wantSVG)); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for range 3 { // at once: a figure holds nothing that drawing changes
				wg.Go(func() {
					var got, gotSVG bytes.Buffer
					if err := errors.Join(f.PNG(&got), f.SVG(&gotSVG)); err != nil {
						t.Error(err)
					}
					if !bytes.Equal(want.Bytes(), got.Bytes()) || !bytes.Equal(wantSVG.Bytes(), gotSVG.Bytes()) {
						t.Error("the same figure gave other bytes the second time")
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestPNGWidth(t *testing.T) {
	for name, f := range figures(t) {
		for _, test := range []struct {
			points float64
			pixels int
		}{{600, 800}, {300, 400}, {450.3, 600}} {
			var buf bytes.Buffer
			if err := f.PNG(&buf, vg.Length(test.points)); err != nil {
				t.Fatal(err)
			}
			cfg, err := png.DecodeConfig(&buf)
			if err != nil {
				t.Fatal(err)
			}
			if cfg.Width != test.pixels {
				t.Errorf("%s at %g points: expected %d pixels, found %d", name, test.points, test.pixels, cfg.Width)
			}
		}
	}
}

func TestSVGIsWellFormedAndSelfContained(t *testing.T) {
	for name, f := range figures(t) {
		var buf bytes.Buffer
		if err := f.SVG(&buf); err != nil {
			t.Fatal(err)
		}
		d := xml.NewDecoder(bytes.NewReader(buf.Bytes()))
		texts := ""
		for {
			tok, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			switch tok := tok.(type) {
			case xml.StartElement:
				if tok.Name.Local == "script" {
					t.Errorf("%s: a label has become an element", name)
				}
				for _, a := range tok.Attr {
					if a.Name.Local == "href" && !strings.HasPrefix(a.Value, "data:image/png;base64,iVBOR") {
						t.Errorf("%s: expected pictures as data: addresses of PNGs, found %.40s", name, a.Value)
					}
					if a.Name.Local == "textLength" && a.Value == "0" {
						t.Errorf("%s: a text of no width", name)
					}
				}
			case xml.CharData:
				texts += string(tok)
			}
		}
		if !strings.Contains(texts, "猫") {
			t.Errorf("%s: expected the SVG to keep the characters that only its reader has a font for", name)
		}
	}
}

func TestHTMLAndDataURI(t *testing.T) {
	for name, f := range figures(t) {
		uri, err := DataURI(f)
		if err != nil {
			t.Fatal(err)
		}
		data, found := strings.CutPrefix(string(uri), "data:image/png;base64,")
		raw, err := base64.StdEncoding.DecodeString(data)
		if !found || err != nil {
			t.Fatalf("%s: expected a data: address, found %.40s (%v)", name, uri, err)
		}
		cfg, err := png.DecodeConfig(bytes.NewReader(raw))
		want := 1600
		if name == "attention" {
			want = 800
		}
		if err != nil || cfg.Width != want {
			t.Errorf("%s: expected a PNG %d pixels wide, found %d (%v)", name, want, cfg.Width, err)
		}
		html, err := f.HTML()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(html), `<img src="data:image/png;base64,`) || !strings.Contains(string(html), `width="800"`) ||
			!strings.Contains(string(html), `alt="&lt;script&gt;&amp;`) {
			i := max(0, len(html)-200)
			t.Errorf("%s: expected an img element with width and escaped alternative text, found ...%s", name, html[i:])
		}
		svg, err := SVGDataURI(f)
		if err != nil || !strings.HasPrefix(string(svg), "data:image/svg+xml;base64,PD94bWwg") {
			t.Errorf("%s: expected an SVG data: address, found %.60s (%v)", name, svg, err)
		}
	}
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	f := figures(t)["curves"]
	for name, magic := range map[string]string{"a.png": "\x89PNG", "b.SVG": "<?xml"} {
		path := filepath.Join(dir, name)
		if err := f.Save(path); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(data), magic) {
			t.Errorf("%s: expected it to begin with %q, found %.10q (%v)", name, magic, data, err)
		}
	}
	for _, bad := range []string{"c.jpg", "d", "e.png.txt"} {
		checkSentence(t, f.Save(filepath.Join(dir, bad)), "ends in .png or .svg")
	}
	checkSentence(t, f.Save(filepath.Join(dir, "no such folder", "f.png")), "no such folder")
	checkSentence(t, f.Save(filepath.Join(dir, "g.png"), 1e6), "expected a figure width")
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("expected only the two figures in the folder, found %v (%v)", left, err)
	}
}

func TestFailingWriter(t *testing.T) {
	full := errors.New("disk full")
	f := figures(t)["curves"]
	if err := f.PNG(failing{full}); !errors.Is(err, full) {
		t.Errorf("PNG: expected the writer's error, found %v", err)
	}
	if err := f.SVG(failing{full}); !errors.Is(err, full) {
		t.Errorf("SVG: expected the writer's error, found %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func TestWidthErrors(t *testing.T) {
	f := figures(t)["bars"]
	for _, width := range []float64{0, -5, 10, 1e9, math.NaN(), math.Inf(1)} {
		checkSentence(t, f.PNG(io.Discard, vg.Length(width)), "expected a figure width between")
	}
	checkSentence(t, f.SVG(io.Discard, 300, 400), "at most one width")
	checkSentence(t, (&Figure{}).PNG(io.Discard), "found an empty one")
	_, err := DataURI(nil)
	checkSentence(t, err, "found an empty one")
}

// checkSentence demands an error of one sentence that holds a phrase.
func checkSentence(t *testing.T, err error, phrase string) {
	t.Helper()
	if err == nil {
		t.Errorf("expected an error with %q, found none", phrase)
		return
	}
	if msg := err.Error(); !strings.Contains(msg, phrase) || strings.ContainsAny(msg, "\n\t") || len(msg) > 400 {
		t.Errorf("expected one sentence with %q, found %q", phrase, msg)
	}
}

// testPicture is a gradient in both directions.
func testPicture(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		copy(img.Pix[4*i:], []uint8{uint8(255 * (i % w) / w), uint8(255 * (i / w) / h), 120, 255})
	}
	return img
}

// Each text of an SVG keeps the width it was measured with, whatever font its reader has.
func TestSVGTextsKeepTheirWidths(t *testing.T) {
	f, err := Curves(CurvesConfig{Title: "A <title> & more", XLabel: "step", YLabel: "loss 猫",
		Series: []Series{{Name: "training loss", X: []float64{1, 2}, Y: []float64{3, 4}}}})
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := f.SVG(&buf); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Texts []struct {
			Length float64 `xml:"textLength,attr"`
			Text   string  `xml:",chardata"`
		} `xml:"g>text"`
		Turned []struct {
			Length float64 `xml:"textLength,attr"`
			Text   string  `xml:",chardata"`
		} `xml:"g>g>text"`
	}
	if err := xml.Unmarshal(buf.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, txt := range append(doc.Texts, doc.Turned...) {
		got[txt.Text] = txt.Length
	}
	for txt, want := range map[string]vg.Length{
		"A <title> & more": titleStyle.width("A <title> & more"),
		"step":             labelStyle.width("step"),
		"loss 猫":           labelStyle.width("loss □") + labelStyle.size - labelStyle.width("□"),
		"training loss":    tickStyle.width("training loss"),
		"3.2":              tickStyle.width("3.2"),
	} {
		if math.Abs(got[txt]-float64(want)) > 0.001*float64(want) {
			t.Errorf("%q: expected a length of %g, found %g", txt, float64(want), got[txt])
		}
	}
}
