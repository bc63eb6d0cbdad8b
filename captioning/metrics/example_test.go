package metrics_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/captioning/metrics"
)

func Example() {
	evaluation, err := metrics.Evaluate([]metrics.Picture{
		{ID: metrics.NumberID(1), Candidate: "a dog runs on the beach", References: []string{"a dog runs along the beach", "a brown dog on sand"}},
		{ID: metrics.NumberID(2), Candidate: "two people on a bench", References: []string{"two people sit on a bench", "a couple on a park bench"}},
	})
	if err != nil {
		panic(err)
	}
	for _, score := range evaluation.Corpus.List() {
		fmt.Printf("%-11s %.3f\n", score.Name, score.Value)
	}
	// Output:
	// Bleu_1      0.913
	// Bleu_2      0.746
	// Bleu_3      0.525
	// Bleu_4      0.000
	// ROUGE_L     0.864
	// CIDEr       2.737
	// METEOR_like 0.404
}

func ExampleTokenize() {
	fmt.Println(metrics.Tokenize(`A child's swing, "twin-hulled".`))
	fmt.Println(metrics.Tokenize("They can't stop on Main St."))
	// Output:
	// a child 's swing twin-hulled
	// they ca n't stop on main st.
}

// Document frequencies are counted once; targets are made once a picture; then any number of captions can be scored.
func ExampleDocumentFrequencies() {
	frequencies := metrics.CountDocuments([][]string{{"a dog runs", "a brown dog"}, {"a bird sits"}, {"two birds"}})
	target := frequencies.Target([]string{"a dog runs", "a brown dog"})
	for _, caption := range []string{"a dog runs", "a dog", "a bird"} {
		fmt.Printf("%-11s %.2f\n", caption, target.CIDEr(caption))
	}
	// Output:
	// a dog runs  4.41
	// a dog       2.67
	// a bird      0.22
}

func ExampleExplain() {
	picture := metrics.Picture{ID: metrics.NumberID(1), Candidate: "a dog on sand", References: []string{"a dog runs", "a brown dog on sand"}}
	frequencies := metrics.CountDocuments([][]string{picture.References, {"a bird sits"}})
	explanation, err := metrics.Explain(frequencies, picture)
	if err != nil {
		panic(err)
	}
	fmt.Print(explanation)
	// Output:
	// picture 1: "a dog on sand"
	//   reference 1: "a dog runs"
	//   reference 2: "a brown dog on sand"
	// 1-grams: 4 of 4 credited
	//   in reference: a (1, 2), dog (1, 2), on (2), sand (2)
	// 2-grams: 3 of 3 credited
	//   in reference: a dog (1), dog on (2), on sand (2)
	// 3-grams: 1 of 2 credited
	//   in reference: dog on sand (2)
	//   not credited: a dog on
	// 4-grams: 0 of 1 credited
	//   not credited: a dog on sand
	// BLEU-1 to 4: 1.000, 1.000, 0.794, 0.000
	// CIDEr-D: 3.289, most of it from "dog" 0.859, "a dog" 0.503, "dog on sand" 0.503, "on" 0.356, "sand" 0.356, "dog on" 0.356, "on sand" 0.356
}
