package search_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/glimpse-ml/glimpse/clip/search"
)

// An index of embeddings that were computed elsewhere, and the two pictures nearest to a query. With a CLIP as the encoder, [search.Update] makes
// one of a folder of pictures.
func ExampleIndex_Search() {
	parent, err := os.MkdirTemp("", "search-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(parent)
	rows := [][]float32{{1, 0}, {0.6, 0.8}, {0, 1}}
	entries := []search.Entry{{Path: "beach.jpg"}, {Path: "dog.jpg"}, {Path: "grass.jpg"}}
	dir := filepath.Join(parent, "index")
	ctx := context.Background()
	err = search.Create(ctx, dir, search.Origin{Dims: 2, DType: search.Float32, Model: "mine", Identity: "1", Pictures: "photos"}, entries,
		func(i int) ([]float32, error) { return rows[i], nil })
	if err != nil {
		fmt.Println(err)
		return
	}
	index, err := search.Open(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer index.Close()
	found, err := index.Search(ctx, [][]float32{{0.8, 0.6}}, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, hit := range found[0] {
		fmt.Printf("%s %.2f\n", entries[hit.Row].Path, hit.Score)
	}
	// Output:
	// dog.jpg 0.96
	// beach.jpg 0.80
}
