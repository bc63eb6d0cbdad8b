package datasets_test

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/glimpse-ml/glimpse/datasets"
)

// A loader that is told where another one was yields the batches that the other one would have yielded.
func ExampleLoader() {
	load := func(_ context.Context, i int, _ *rand.Rand) (int, error) { return i * i, nil } // reads and prepares example i
	fresh := func() *datasets.Loader[int] {
		loader, err := datasets.NewLoader(10, datasets.LoaderConfig{BatchSize: 3, Seed: 1, Shuffle: true, DropLast: true}, load)
		if err != nil {
			panic(err)
		}
		return loader
	}
	ctx := context.Background()
	loader := fresh()
	defer loader.Close()
	if _, err := loader.Next(ctx); err != nil {
		fmt.Println(err)
		return
	}
	place := loader.Position()
	want, err := loader.Next(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}

	other := fresh()
	defer other.Close()
	if err := other.Restore(place); err != nil {
		fmt.Println(err)
		return
	}
	got, err := other.Next(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(got.Items), "examples, the same:", fmt.Sprint(got) == fmt.Sprint(want))
	// Output: 3 examples, the same: true
}

// What is known of a data set by its name.
func ExampleLookup() {
	entry, err := datasets.Lookup("cifar10")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, split := range entry.Splits {
		fmt.Println(split.Name, split.Examples)
	}
	_, err = datasets.Find("flicker8k/../etc")
	fmt.Println(err)
	// Output:
	// train 50000
	// test 10000
	// expected the name of a data set, such as flickr8k, found "flicker8k/../etc"; glimpse data list shows the names
}
