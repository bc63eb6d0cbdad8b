package language_test

import (
	"fmt"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/glimpse-ml/glimpse/captioning/language"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// The scores of the token that follows each of three.
func ExampleLogits() {
	b, err := backend.OpenNamed("go")
	if err != nil {
		panic(err)
	}
	defer b.Finalize()
	cfg := language.Small(100, 20) // 100 tokens, texts of up to 20
	exec := model.MustNewExec(b.Backend, model.NewStore(), func(scope *model.Scope, ids *graph.Node) *graph.Node {
		return language.Logits(scope, cfg, ids)
	})
	defer exec.Finalize()
	fmt.Println(exec.MustCall1([][]int32{{5, 17, 4}}).Shape())
	// Output: (Float32)[1, 3, 100]
}

// A vocabulary with every byte and one merge.
func ExampleTokenizer() {
	vocabulary, next := map[string]int32{}, rune(256) // bytes that are not printable have runes from U+0100 on
	for b := range 256 {
		symbol := string(rune(b))
		if b < '!' || b > '~' && b < 0xA1 || b == 0xAD {
			symbol, next = string(next), next+1
		}
		vocabulary[symbol] = int32(b)
	}
	vocabulary["Ġa"] = 256 // Ġ is the space's rune
	t, err := language.NewTokenizer(vocabulary, [][2]string{{"Ġ", "a"}})
	if err != nil {
		panic(err)
	}
	ids := t.Encode("is a cat")
	text, err := t.Decode(ids)
	fmt.Println(ids, text, err)
	// Output: [105 115 256 32 99 97 116] is a cat <nil>
}
