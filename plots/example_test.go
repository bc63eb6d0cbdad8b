package plots_test

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"log"
	"math"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/plots"
)

// The examples draw what the lab draws, from invented numbers. Each is also a golden picture test: see TestExamples.

func ExampleCurves() {
	rng := rand.New(rand.NewPCG(1, 1))
	var steps, train, evalSteps, val, low, high []float64
	for step := 1.0; step <= 1500; step += 10 {
		loss := 1.2 + 3.65*math.Exp(-step/300)
		steps = append(steps, step)
		train = append(train, loss+0.12*rng.NormFloat64())
		if int(step)%100 == 1 {
			evalSteps = append(evalSteps, step)
			val = append(val, loss+0.25*(1-math.Exp(-step/500)))
			low = append(low, val[len(val)-1]-0.15)
			high = append(high, val[len(val)-1]+0.15)
		}
	}
	fig, err := plots.Curves(plots.CurvesConfig{
		Title:  "CLIP on product photographs: contrastive loss",
		XLabel: "step",
		YLabel: "loss (nats)",
		Series: []plots.Series{
			{Name: "train, batch of 64", X: steps, Y: train},
			{Name: "held out, 3 seeds", X: evalSteps, Y: val, Low: low, High: high},
		},
		References: []plots.ReferenceLine{{Label: "chance: ln 64 = 4.16", Y: math.Log(64)}},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("curves.png"); err != nil {
		log.Fatal(err)
	}
}

func ExampleCurves_logarithmic() {
	var examples, temperature []float64
	for n := 64.0; n < 2e5; n *= 1.3 {
		examples = append(examples, n)
		temperature = append(temperature, 0.02+0.05*math.Exp(-n/20000))
	}
	fig, err := plots.Curves(plots.CurvesConfig{
		Title:      "Learned temperature",
		XLabel:     "examples seen",
		YLabel:     "temperature (logit units)",
		Series:     []plots.Series{{X: examples, Y: temperature}},
		References: []plots.ReferenceLine{{Label: "floor: 1/100", Y: 0.01}},
		LogX:       true,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("curves_logarithmic.png"); err != nil {
		log.Fatal(err)
	}
}

func ExampleHeatmap() {
	labels := []string{"casual shoes", "a red handbag", "wrist watch", "T-shirt", "nail polish", "sunglasses"}
	fig, err := plots.Heatmap(plots.HeatmapConfig{
		Title:             "Similarity of six pictures and their captions",
		XLabel:            "captions",
		YLabel:            "pictures",
		Matrices:          []plots.Matrix{{Values: similarities(6, 0.75), RowLabels: labels, ColLabels: labels}},
		ValueLabel:        "cosine similarity",
		Colors:            plots.Vik(),
		ShowValues:        true,
		HighlightDiagonal: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("heatmap.png", 400); err != nil {
		log.Fatal(err)
	}
}

func ExampleHeatmap_beforeAndAfter() {
	captions := make([]string, 32)
	for i := range captions {
		captions[i] = fmt.Sprintf("caption %d, a dog runs", i)
	}
	fig, err := plots.Heatmap(plots.HeatmapConfig{
		Title:  "32 held-out pictures against their captions, before and after training",
		XLabel: "captions",
		YLabel: "pictures",
		Matrices: []plots.Matrix{
			{Title: "before", Values: similarities(32, 0), RowLabels: captions},
			{Title: "after 1,500 steps", Values: similarities(32, 0.6), RowLabels: captions},
		},
		ValueLabel: "cosine similarity",
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("heatmap_before_after.png", 480); err != nil {
		log.Fatal(err)
	}
}

// similarities invents an n x n matrix of cosines whose diagonal stands out.
func similarities(n int, diagonal float64) [][]float64 {
	rng := rand.New(rand.NewPCG(2, uint64(n)))
	m := make([][]float64, n)
	for r := range m {
		m[r] = make([]float64, n)
		for c := range m[r] {
			m[r][c] = 0.12*rng.NormFloat64() + 0.05
			if r == c {
				m[r][c] += diagonal
			}
		}
	}
	return m
}

func ExampleAttentionStrip() {
	words := []string{"a", "small", "red", "circle", "left", "of", "a", "blue", "square", "<end>"}
	// Where each word looks on a 7 x 7 grid: column, row and width in cells.
	looks := [][3]float64{{3, 3, 9}, {1.5, 3, 1.5}, {1.5, 3, 0.8}, {1.5, 3, 0.7}, {3, 3.5, 1.2}, {3.5, 3.5, 2}, {5, 3.5, 2},
		{5, 3.5, 0.9}, {5, 3.5, 0.8}, {3, 6, 3}}
	weights := make([][]float64, len(words))
	for i, l := range looks {
		weights[i] = softSpot(7, 7, l[0], l[1], l[2])
	}
	fig, err := plots.AttentionStrip(plots.AttentionConfig{
		Title:   "a small red circle left of a blue square",
		Picture: scene(),
		Words:   words,
		Weights: weights,
		Rows:    7, Cols: 7,
		PerRow: 6,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("attention.png", 400); err != nil {
		log.Fatal(err)
	}
}

func ExampleSheet() {
	fig, err := plots.Sheet(plots.SheetConfig{
		Title: "Pictures and texts that were found for each other",
		Rows: []plots.SheetRow{
			{Heading: "scene-1", Pictures: []plots.SheetPicture{{Picture: scene()}},
				Lines: []string{"61.0% (its own)  a red circle left of a blue square", "22.5% (another's)  a red circle above a blue square, on a sheet of paper that is nearly as grey as an elephant", "9.1% (another's)  two shapes"}},
			{Heading: "a red circle left of a blue square", Pictures: []plots.SheetPicture{{Picture: scene(), Note: "61.0%", Marked: true}, {Picture: scene().(*image.RGBA).SubImage(image.Rect(0, 20, 96, 76)), Note: "30.2%"}}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("sheet.png", 400); err != nil {
		log.Fatal(err)
	}
}

// softSpot is a softmax over the grid with its peak at a place.
func softSpot(rows, cols int, x, y, width float64) []float64 {
	w := make([]float64, rows*cols)
	sum := 0.0
	for i := range w {
		dx, dy := float64(i%cols)-x, float64(i/cols)-y
		w[i] = math.Exp(-(dx*dx + dy*dy) / (2 * width * width))
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}

// scene paints a red circle left of a blue square on a light ground.
func scene() image.Image {
	const n = 96
	img := image.NewRGBA(image.Rect(0, 0, n, n))
	for y := range n {
		for x := range n {
			img.Set(x, y, color.RGBA{R: 200, G: uint8(190 + y/4), B: uint8(160 + x/4), A: 255})
			if dx, dy := x-26, y-46; dx*dx+dy*dy < 14*14 {
				img.Set(x, y, color.RGBA{R: 205, G: 30, B: 40, A: 255})
			}
		}
	}
	draw.Draw(img, image.Rect(58, 36, 88, 66), image.NewUniform(color.RGBA{R: 30, G: 60, B: 190, A: 255}), image.Point{}, draw.Src)
	return img
}

func ExampleScatter() {
	classes := []string{"casual shoes", "watches", "handbags", "T-shirts"}
	rng := rand.New(rand.NewPCG(3, 3))
	var groups []plots.PointGroup
	var join [][2]int
	for i, class := range classes {
		pictures := plots.PointGroup{Name: class + ", pictures", Color: plots.Category(i), Marker: plots.Circle}
		texts := plots.PointGroup{Name: class + ", texts", Color: plots.Category(i), Marker: plots.Triangle}
		angle := 2 * math.Pi * float64(i) / float64(len(classes))
		for range 10 {
			x, y := 0.5*math.Cos(angle)+0.1*rng.NormFloat64(), 0.4*math.Sin(angle)+0.1*rng.NormFloat64()
			pictures.X, pictures.Y = append(pictures.X, x-0.05), append(pictures.Y, y)
			texts.X, texts.Y = append(texts.X, x+0.05+0.02*rng.NormFloat64()), append(texts.Y, y+0.04*rng.NormFloat64())
		}
		texts.Labels = make([]string, len(texts.X))
		texts.Labels[0] = "“" + class + "”"
		join = append(join, [2]int{len(groups), len(groups) + 1})
		groups = append(groups, pictures, texts)
	}
	fig, err := plots.Scatter(plots.ScatterConfig{
		Title:      "Embeddings of 40 held-out pictures and their titles",
		XLabel:     "PC 1 (31% of variance)",
		YLabel:     "PC 2 (18% of variance)",
		Groups:     groups,
		Join:       join,
		EqualScale: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("scatter.png", 450); err != nil {
		log.Fatal(err)
	}
}

func ExampleBars() {
	fig, err := plots.Bars(plots.BarsConfig{
		Title:      "Retrieval on 1,000 held-out pairs",
		YLabel:     "recall (95% interval)",
		Categories: []string{"recall@1", "recall@5", "recall@10"},
		Series: []plots.BarSeries{
			{Name: "picture → text", Values: []float64{0.142, 0.389, 0.534},
				Low: []float64{0.122, 0.359, 0.503}, High: []float64{0.165, 0.420, 0.565}},
			{Name: "text → picture", Values: []float64{0.131, 0.371, 0.512},
				Low: []float64{0.111, 0.342, 0.481}, High: []float64{0.153, 0.401, 0.543}},
		},
		Chance:  []float64{0.001, 0.005, 0.01},
		Percent: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("bars.png"); err != nil {
		log.Fatal(err)
	}
}

func ExamplePCA() {
	// Four points on a line through (1, 2), in the direction (3, 4)/5.
	data := []float64{-2, -2, -0.5, 0, 2.5, 4, 4, 6}
	pca, err := plots.PCA(data, 4, 2, 1)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("mean %.1f, axis %.1f, coordinates %.1f, explains %.0f%%\n",
		pca.Mean, pca.Components, pca.Column(0), 100*pca.ExplainedRatio[0])
	// Output: mean [1.0 2.0], axis [0.6 0.8], coordinates [-5.0 -2.5 2.5 5.0], explains 100%
}

func ExampleDiagram() {
	fig, err := plots.Diagram(plots.DiagramConfig{
		Title: "Contrastive learning: two towers and the matrix of similarities",
		Boxes: []plots.DiagramBox{
			{Name: "pictures", Text: "N pictures", Row: 0, Column: 0, Stack: true},
			{Name: "texts", Text: "N texts\n\"a red circle\"", Row: 1, Column: 0, Stack: true},
			{Name: "image encoder", Text: "image encoder\nViT or ResNet", Row: 0, Column: 1, Group: "trained"},
			{Name: "text encoder", Text: "text encoder\ntransformer", Row: 1, Column: 1, Group: "trained"},
			{Name: "matrix", Text: "N × N cosines\nown pairs on the diagonal", Row: 0, Column: 2, Rows: 2, Matrix: 5, Group: "computed"},
			{Name: "loss", Text: "cross-entropy\nof rows and columns", Row: 0, Column: 3, Rows: 2, Group: "computed"},
		},
		Arrows: []plots.DiagramArrow{
			{From: "pictures", To: "image encoder"},
			{From: "texts", To: "text encoder"},
			{From: "image encoder", To: "matrix", Label: "I, N × d"},
			{From: "text encoder", To: "matrix", Label: "T, N × d"},
			{From: "matrix", To: "loss", Label: "÷ τ"},
			{From: "loss", To: "text encoder", Label: "gradient", Route: plots.Below, Dashed: true},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("diagram.png"); err != nil {
		log.Fatal(err)
	}
}

func ExampleDiagram_loop() {
	fig, err := plots.Diagram(plots.DiagramConfig{
		Title: "Attention: at every word a new look at the picture",
		Boxes: []plots.DiagramBox{
			{Name: "a", Text: "places a₁ … a_L\nof the CNN", Row: 0, Column: 0, Stack: true, Group: "picture"},
			{Name: "e", Text: "score\ne = f(a, h)", Row: 0, Column: 1, Group: "attention"},
			{Name: "α", Text: "softmax\nα", Row: 0, Column: 2, Group: "attention"},
			{Name: "z", Text: "weighted sum\nz = Σ α a", Row: 0, Column: 3, Group: "attention"},
			{Name: "LSTM", Row: 0, Column: 4, Text: "LSTM", Group: "language"},
			{Name: "word", Row: 0, Column: 5, Text: "\"dog\"", Plain: true},
		},
		Arrows: []plots.DiagramArrow{
			{From: "a", To: "e"}, {From: "e", To: "α"}, {From: "α", To: "z"}, {From: "z", To: "LSTM"}, {From: "LSTM", To: "word"},
			{From: "a", To: "z", Label: "a", Route: plots.Above},
			{From: "LSTM", To: "e", Label: "h of the last word", Route: plots.Below},
			{From: "word", To: "LSTM", Label: "the word is read next", Route: plots.Below, Dashed: true},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := fig.Save("diagram_loop.png"); err != nil {
		log.Fatal(err)
	}
}
