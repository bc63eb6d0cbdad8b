package plots

import (
	"image"
	"math"
	"testing"
)

func TestCurvesErrors(t *testing.T) {
	good := func() CurvesConfig {
		return CurvesConfig{XLabel: "step", YLabel: "loss (nats)", Series: []Series{
			{Name: "a", X: []float64{1, 2}, Y: []float64{3, 4}, Low: []float64{2, 3}, High: []float64{4, 5}},
			{Name: "b", X: []float64{1}, Y: []float64{3}}},
			References: []ReferenceLine{{"chance", 4}}}
	}
	if _, err := Curves(good()); err != nil {
		t.Fatal(err)
	}
	for phrase, spoil := range map[string]func(*CurvesConfig){
		"expected at least one series":               func(c *CurvesConfig) { c.Series = nil },
		"labels for both axes":                       func(c *CurvesConfig) { c.YLabel = " \n" },
		`series "b": expected as many x as y`:        func(c *CurvesConfig) { c.Series[1].X = nil },
		"at least one, found 0 and 0":                func(c *CurvesConfig) { c.Series[1].X, c.Series[1].Y = nil, nil },
		`"a", x: expected finite numbers, found NaN`: func(c *CurvesConfig) { c.Series[0].X[0] = math.NaN() },
		"y: expected finite numbers, found +Inf at":  func(c *CurvesConfig) { c.Series[0].Y[1] = math.Inf(1) },
		"found 1e+200 at index 1":                    func(c *CurvesConfig) { c.Series[0].Y[1] = 1e200 },
		"both Low and High, or neither, found 0 and": func(c *CurvesConfig) { c.Series[0].Low = nil },
		"Low: expected finite numbers":               func(c *CurvesConfig) { c.Series[0].Low[0] = math.NaN() },
		"Low to be at most High, found 9 and 4":      func(c *CurvesConfig) { c.Series[0].Low[0] = 9 },
		"x: expected positive numbers":               func(c *CurvesConfig) { c.LogX, c.Series[1].X[0] = true, 0 },
		"y: expected positive numbers":               func(c *CurvesConfig) { c.LogY, c.Series[0].Low[0] = true, -1 },
		`line "chance": expected positive`:           func(c *CurvesConfig) { c.LogY, c.References[0].Y = true, 0 },
		`line "chance": expected finite`:             func(c *CurvesConfig) { c.References[0].Y = math.NaN() },
		"label for every reference line":             func(c *CurvesConfig) { c.References[0].Label = "" },
		`series 0 and 1 have the same name "b"`:      func(c *CurvesConfig) { c.Series[0].Name = "b" },
		"series 0 has no name":                       func(c *CurvesConfig) { c.Series[0].Name = "" },
	} {
		cfg := good()
		spoil(&cfg)
		_, err := Curves(cfg)
		checkSentence(t, err, phrase)
	}
}

func TestHeatmapErrors(t *testing.T) {
	good := func() HeatmapConfig {
		return HeatmapConfig{Matrices: []Matrix{{Values: [][]float64{{1, 2}, {3, 4}}, RowLabels: []string{"a", "b"}}}}
	}
	if _, err := Heatmap(good()); err != nil {
		t.Fatal(err)
	}
	for phrase, spoil := range map[string]func(*HeatmapConfig){
		"expected at least one matrix":             func(c *HeatmapConfig) { c.Matrices = nil },
		"at least one row and one column":          func(c *HeatmapConfig) { c.Matrices[0].Values = nil },
		"one row and one column, found none":       func(c *HeatmapConfig) { c.Matrices[0].Values = [][]float64{{}} },
		"found 2 values in row 0 and 1 in row 1":   func(c *HeatmapConfig) { c.Matrices[0].Values[1] = []float64{1} },
		"row 1: expected finite numbers":           func(c *HeatmapConfig) { c.Matrices[0].Values[1][0] = math.NaN() },
		"expected 2 row labels or none, found 1":   func(c *HeatmapConfig) { c.Matrices[0].RowLabels = []string{"a"} },
		"expected 2 column labels or none":         func(c *HeatmapConfig) { c.Matrices[0].ColLabels = []string{} },
		"at most 512 rows and columns, found 600 ": func(c *HeatmapConfig) { c.Matrices[0].Values = make600() },
		"expected Min below Max, found 2 and 1":    func(c *HeatmapConfig) { c.Min, c.Max = 2, 1 },
		"Min and Max: expected finite":             func(c *HeatmapConfig) { c.Max = math.Inf(1) },
		"expected PerRow to be positive":           func(c *HeatmapConfig) { c.PerRow = -1 },
	} {
		cfg := good()
		spoil(&cfg)
		_, err := Heatmap(cfg)
		checkSentence(t, err, phrase)
	}
}

func make600() [][]float64 {
	m, _ := Rows(make([]float32, 600), 600, 1)
	return m
}

func TestAttentionErrors(t *testing.T) {
	good := func() AttentionConfig {
		return AttentionConfig{Picture: testPicture(4, 4), Words: []string{"dog"}, Weights: [][]float64{{0.5, 0.5}},
			Rows: 1, Cols: 2}
	}
	if _, err := AttentionStrip(good()); err != nil {
		t.Fatal(err)
	}
	for phrase, spoil := range map[string]func(*AttentionConfig){
		"a picture of at least one pixel":                 func(c *AttentionConfig) { c.Picture = nil },
		"of at least one pixel, found none":               func(c *AttentionConfig) { c.Picture = image.NewGray(image.Rectangle{}) },
		"found 0 words and 1 sets":                        func(c *AttentionConfig) { c.Words = nil },
		"found 1 words and 0 sets":                        func(c *AttentionConfig) { c.Weights = nil },
		`word 0 ("dog"): expected 2 x 2 weights, found 2`: func(c *AttentionConfig) { c.Rows = 2 },
		"expected 0 x 2 weights":                          func(c *AttentionConfig) { c.Rows = 0 },
		"finite and not negative, found NaN at index 1":   func(c *AttentionConfig) { c.Weights[0][1] = math.NaN() },
		"not negative, found -0.1 at index 0":             func(c *AttentionConfig) { c.Weights[0][0] = -0.1 },
		"1 to 12 panels":                                  func(c *AttentionConfig) { c.PerRow = 13 },
		"a note for each of 1 words or none, found 2":     func(c *AttentionConfig) { c.Notes = []string{"a", "b"} },
	} {
		cfg := good()
		spoil(&cfg)
		_, err := AttentionStrip(cfg)
		checkSentence(t, err, phrase)
	}
	_, err := AttentionOverlay(nil, []float64{1}, 1, 1)
	checkSentence(t, err, "attention overlay: expected a picture")
	_, err = AttentionOverlay(testPicture(1, 1), []float64{1}, 1, 2)
	checkSentence(t, err, "attention overlay: expected 1 x 2 weights, found 1")
}

func TestScatterErrors(t *testing.T) {
	good := func() ScatterConfig {
		return ScatterConfig{Groups: []PointGroup{{Name: "a", X: []float64{1}, Y: []float64{2}, Labels: []string{"l"}},
			{Name: "b", X: []float64{1}, Y: []float64{2}}, {Name: "empty"}}, Join: [][2]int{{0, 1}}}
	}
	if _, err := Scatter(good()); err != nil {
		t.Fatal(err)
	}
	for phrase, spoil := range map[string]func(*ScatterConfig){
		"expected at least one point":                func(c *ScatterConfig) { c.Groups = c.Groups[2:] },
		`group "a": expected as many x as y`:         func(c *ScatterConfig) { c.Groups[0].Y = nil },
		"expected 1 labels":                          func(c *ScatterConfig) { c.Groups[0].Labels = []string{} },
		`"b", y: expected finite`:                    func(c *ScatterConfig) { c.Groups[1].Y[0] = math.Inf(-1) },
		"indices of the 3 groups, found 3":           func(c *ScatterConfig) { c.Join[0][1] = 3 },
		`found "a" with 1 and "empty" with 0 points`: func(c *ScatterConfig) { c.Join[0][1] = 2 },
		"expected one of the markers":                func(c *ScatterConfig) { c.Groups[0].Marker = 99 },
		`group 0 and 2 have the same name "a"`:       func(c *ScatterConfig) { c.Groups[2].Name = "a" },
	} {
		cfg := good()
		spoil(&cfg)
		_, err := Scatter(cfg)
		checkSentence(t, err, phrase)
	}
}

func TestBarsErrors(t *testing.T) {
	good := func() BarsConfig {
		return BarsConfig{YLabel: "accuracy", Categories: []string{"x", "y"}, Chance: []float64{0.1},
			Series: []BarSeries{{Name: "a", Values: []float64{1, 2}, Low: []float64{0, 1}, High: []float64{2, 3}}}}
	}
	if _, err := Bars(good()); err != nil {
		t.Fatal(err)
	}
	for phrase, spoil := range map[string]func(*BarsConfig){
		"one category and one series, found 0 and 1": func(c *BarsConfig) { c.Categories = nil },
		"one category and one series, found 2 and 0": func(c *BarsConfig) { c.Series = nil },
		"a label for the y axis":                     func(c *BarsConfig) { c.YLabel = "" },
		"each of the 2 categories, found 1":          func(c *BarsConfig) { c.Series[0].Values = []float64{1} },
		`series "a": expected finite`:                func(c *BarsConfig) { c.Series[0].Values[0] = math.NaN() },
		"found 2 and 1":                              func(c *BarsConfig) { c.Series[0].High = []float64{1} },
		"one for each of the 2, found 3":             func(c *BarsConfig) { c.Chance = []float64{1, 2, 3} },
		"chance: expected finite":                    func(c *BarsConfig) { c.Chance[0] = math.NaN() },
	} {
		cfg := good()
		spoil(&cfg)
		_, err := Bars(cfg)
		checkSentence(t, err, phrase)
	}
}

func TestRows(t *testing.T) {
	rows, err := Rows([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	if err != nil || len(rows) != 2 || rows[1][0] != 4 || rows[0][2] != 3 {
		t.Errorf("expected rows of a 2 x 3 matrix, found %v (%v)", rows, err)
	}
	_, err = Rows([]float64{1}, 2, 3)
	checkSentence(t, err, "expected 2 x 3 values, found 1")
	_, err = Rows([]float64{1}, -1, -1)
	checkSentence(t, err, "expected -1 x -1 values")
}
