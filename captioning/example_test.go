package captioning_test

import (
	"fmt"

	"github.com/glimpse-ml/glimpse/captioning"
)

func ExampleVocabulary() {
	captions := [][]string{
		captioning.Tokenize("A dog runs on the beach."),
		captioning.Tokenize("The dog's ball is on a beach!"),
	}
	v := captioning.NewVocabulary(captions, 2)
	ids, truncated := v.Encode(captioning.Tokenize("A cat on the beach"), 17)
	fmt.Println(ids, truncated)
	fmt.Println(v.Decode(ids))
	// Output:
	// [1 4 3 6 7 5 2] false
	// [a <unk> on the beach]
}
